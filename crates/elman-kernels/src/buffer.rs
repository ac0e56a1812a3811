//! Scratch memory: aligned to cache lines, and given back for the next call.
//!
//! A training step needs the same large buffers again and again; fresh pages from the operating
//! system for each would cost as much as the arithmetic of a small network.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use crate::real::Real;

const ALIGNMENT: usize = 64;
/// What is kept for later at the most, in bytes.
const KEPT_BYTES: usize = 512 << 20;
/// Smaller blocks are left to the allocator, which is quick with them.
const SMALLEST_KEPT: usize = 32 << 10;

/// A block of initialised memory.
#[derive(Debug)]
struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a block is plain memory that has one owner.
unsafe impl Send for Block {}
// SAFETY: a shared block can only be read.
unsafe impl Sync for Block {}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: `start` was allocated with this very layout and is freed once.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

static KEPT: Mutex<Vec<Block>> = Mutex::new(Vec::new());

fn kept() -> std::sync::MutexGuard<'static, Vec<Block>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A slice of numbers, aligned to cache lines. What it holds at first is arbitrary, but valid.
#[derive(Debug)]
pub(crate) struct Buffer<T: Real> {
    block: Option<Block>,
    length: usize,
    numbers: PhantomData<T>,
}

impl<T: Real> Buffer<T> {
    /// Room for `length` numbers of any value.
    pub(crate) fn new(length: usize) -> Self {
        let bytes = (length * size_of::<T>()).max(1).next_multiple_of(ALIGNMENT);
        Self {
            block: Some(Self::reuse(bytes).unwrap_or_else(|| Self::allocate(bytes))),
            length,
            numbers: PhantomData,
        }
    }

    /// Room for `length` zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        let mut buffer = Self::new(length);
        buffer.fill(T::default());
        buffer
    }

    /// The smallest kept block that is not wastefully large.
    fn reuse(bytes: usize) -> Option<Block> {
        if bytes < SMALLEST_KEPT {
            return None;
        }
        let mut kept = kept();
        let fitting = kept
            .iter()
            .enumerate()
            .filter(|(_, block)| (bytes..=2 * bytes).contains(&block.layout.size()));
        let (index, _) = fitting.min_by_key(|(_, block)| block.layout.size())?;
        Some(kept.swap_remove(index))
    }

    fn allocate(bytes: usize) -> Block {
        let layout = Layout::from_size_align(bytes, ALIGNMENT)
            .unwrap_or_else(|_| panic!("a buffer of {bytes} bytes does not fit in memory"));
        // SAFETY: the layout is not empty.
        match NonNull::new(unsafe { alloc_zeroed(layout) }) {
            Some(start) => Block { start, layout },
            None => handle_alloc_error(layout),
        }
    }

    fn start(&self) -> NonNull<T> {
        let block = self.block.as_ref().expect("the block is there until drop");
        block.start.cast()
    }
}

impl<T: Real> Drop for Buffer<T> {
    fn drop(&mut self) {
        let Some(block) = self.block.take() else {
            return;
        };
        if block.layout.size() < SMALLEST_KEPT {
            return;
        }
        let mut kept = kept();
        let held: usize = kept.iter().map(|block| block.layout.size()).sum();
        if held + block.layout.size() <= KEPT_BYTES {
            kept.push(block);
        }
    }
}

impl<T: Real> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the block is initialised, large enough and ours; any bits are a number.
        unsafe { std::slice::from_raw_parts(self.start().as_ptr(), self.length) }
    }
}

impl<T: Real> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and we are the only owner.
        unsafe { std::slice::from_raw_parts_mut(self.start().as_ptr(), self.length) }
    }
}

/// A vector that threads write before anybody reads it. Nobody sets it to zero first: that would cost
/// time, and leave every place with a core that does not go on with it.
#[derive(Debug)]
pub(crate) struct Unwritten<T> {
    numbers: Vec<T>,
    length: usize,
}

impl<T: Real> Unwritten<T> {
    /// Room for `length` numbers.
    pub(crate) fn new(length: usize) -> Self {
        Self {
            numbers: Vec::with_capacity(length),
            length,
        }
    }

    /// All places.
    pub(crate) fn places(&mut self) -> &mut [MaybeUninit<T>] {
        &mut self.numbers.spare_capacity_mut()[..self.length]
    }

    /// All places, for several threads: nobody reads one before it was written.
    pub(crate) fn shared(&mut self) -> Shared<T> {
        Shared(self.numbers.as_mut_ptr())
    }

    /// The vector.
    ///
    /// # Safety
    ///
    /// Every place was written.
    pub(crate) unsafe fn written(mut self) -> Vec<T> {
        // SAFETY: the capacity is at least the length; the caller's promise for the numbers.
        unsafe { self.numbers.set_len(self.length) };
        self.numbers
    }
}

/// A pointer that several threads write through, each to its own places.
pub(crate) struct Shared<T>(*mut T);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

// SAFETY: whoever dereferences promises that no two threads touch the same place.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) fn new(numbers: &mut [T]) -> Self {
        Self(numbers.as_mut_ptr())
    }

    pub(crate) fn from_pointer(pointer: *mut T) -> Self {
        Self(pointer)
    }

    /// The place at `offset`.
    ///
    /// # Safety
    ///
    /// `offset` is within the slice that this was made from.
    #[inline(always)]
    pub(crate) unsafe fn at(self, offset: usize) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(offset) }
    }
}

/// A pointer that several threads read through; nothing but the pointer.
#[repr(transparent)]
pub(crate) struct Source<T>(*const T);

impl<T> Clone for Source<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Source<T> {}

// SAFETY: it is only read through, like `&[T]`.
unsafe impl<T: Sync> Send for Source<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Source<T> {}

impl<T> Source<T> {
    pub(crate) fn new(numbers: &[T]) -> Self {
        Self(numbers.as_ptr())
    }

    /// The place at `offset`.
    ///
    /// # Safety
    ///
    /// `offset` is within the slice that this was made from.
    #[inline(always)]
    pub(crate) unsafe fn at(self, offset: usize) -> *const T {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(offset) }
    }
}

#[cfg(test)]
mod tests {
    use super::Buffer;

    #[test]
    fn buffers_are_aligned_and_reused() {
        let first = Buffer::<f32>::new(100_003);
        let address = first.as_ptr();
        assert_eq!(address as usize % super::ALIGNMENT, 0);
        drop(first);
        let zeros = Buffer::<f32>::zeros(100_001);
        assert!(zeros.iter().all(|&number| number == 0.0));
    }
}
