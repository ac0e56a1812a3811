//! Denormal numbers count as zero while kernels run.
//!
//! Gates that saturate make products of 1e-40 and less; on many processors each costs a hundred
//! cycles. The caller's own setting is put back afterwards.

/// While it lives, this thread flushes denormal results to zero and reads denormals as zero.
pub(crate) struct FlushDenormals {
    before: u64,
}

impl FlushDenormals {
    pub(crate) fn start() -> Self {
        let before = control::read();
        control::write(before | control::FLUSH);
        Self { before }
    }
}

impl Drop for FlushDenormals {
    fn drop(&mut self) {
        control::write(self.before);
    }
}

#[cfg(target_arch = "x86_64")]
mod control {
    use std::arch::asm;

    /// Flush to zero (bit 15) and denormals are zero (bit 6) of MXCSR.
    pub(super) const FLUSH: u64 = 1 << 15 | 1 << 6;

    pub(super) fn read() -> u64 {
        let mut register = 0_u32;
        // SAFETY: it stores 4 bytes into `register`.
        unsafe { asm!("stmxcsr [{}]", in(reg) &mut register, options(nostack, preserves_flags)) };
        u64::from(register)
    }

    pub(super) fn write(register: u64) {
        let register = register as u32;
        // SAFETY: it loads 4 bytes that `read` gave, with two mode bits set or not.
        unsafe {
            asm!("ldmxcsr [{}]", in(reg) &register, options(nostack, readonly, preserves_flags));
        };
    }
}

#[cfg(target_arch = "aarch64")]
mod control {
    use std::arch::asm;

    /// Flush to zero (bit 24) of FPCR, for inputs and results.
    pub(super) const FLUSH: u64 = 1 << 24;

    pub(super) fn read() -> u64 {
        let register: u64;
        // SAFETY: it reads a register that every 64-bit ARM has.
        unsafe {
            asm!("mrs {}, fpcr", out(reg) register, options(nomem, nostack, preserves_flags))
        };
        register
    }

    pub(super) fn write(register: u64) {
        // SAFETY: it writes what `read` gave, with one mode bit set or not.
        unsafe { asm!("msr fpcr, {}", in(reg) register, options(nomem, nostack, preserves_flags)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod control {
    //! Other machines keep their own way with denormals: slower at worst, never wrong.

    pub(super) const FLUSH: u64 = 0;

    pub(super) fn read() -> u64 {
        0
    }

    pub(super) fn write(_: u64) {}
}

#[cfg(test)]
mod tests {
    use super::FlushDenormals;
    use std::hint::black_box;

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn denormals_are_zero_inside_and_themselves_outside() {
        let tiny = black_box(f32::MIN_POSITIVE);
        let guard = FlushDenormals::start();
        assert_eq!(black_box(tiny * black_box(0.25)), 0.0);
        drop(guard);
        assert!(black_box(tiny * black_box(0.25)) > 0.0);
    }
}
