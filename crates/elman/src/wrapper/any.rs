//! Any cell at all, chosen at run time.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::cell::{
    BasicRnnCell, Cell, CoupledLstmCell, GruCell, HiddenState, IndRnnCell, InputTransform,
    LayerNormLstmCell, LstmCell, LstmState, MinGruCell, MinLstmCell, NasCell, Runner, Sequence,
    Sequential, SruCell, SruState, State, StatePart, Step, TransformsInputs, UgrnnCell, Unrolled,
};
use crate::error::{Error, Result};
use crate::wrapper::{
    BatchNormWrapper, Boxed, Clocked, DeviceWrapper, DropoutWrapper, EmbeddingWrapper,
    HighwayWrapper, InputProjectionWrapper, MultiRnnCell, MultiState, OutputProjectionWrapper,
    ResidualWrapper, ZoneoutWrapper,
};

/// Makes [`AnyCell`] of its cells and its wrappers around `AnyCell`.
macro_rules! any_cell {
    (
        cells { $($(#[$cell_doc:meta])* $cell:ident($cell_type:ty),)* }
        wrappers { $($(#[$wrapper_doc:meta])* $wrapper:ident($wrapper_type:ty),)* }
    ) => {
        /// A cell whose kind is chosen at run time: what a stack of different cells is made of.
        ///
        /// Each kind goes into it by [`From`], a wrapper when it is around an `AnyCell`. It costs
        /// one branch per call.
        #[derive(Module, Debug)]
        #[allow(
            clippy::large_enum_variant,
            reason = "a stack has few cells, and they stay where they are"
        )]
        pub enum AnyCell {
            $($(#[$cell_doc])* $cell($cell_type),)*
            $($(#[$wrapper_doc])* $wrapper(Boxed<$wrapper_type>),)*
        }

        $(
            impl From<$cell_type> for AnyCell {
                fn from(cell: $cell_type) -> Self {
                    Self::$cell(cell)
                }
            }
        )*

        $(
            impl From<$wrapper_type> for AnyCell {
                fn from(cell: $wrapper_type) -> Self {
                    Self::$wrapper(Boxed::new(cell))
                }
            }
        )*

        /// One expression for whichever cell it is.
        macro_rules! with_cell {
            ($any:expr, $bound:ident => $result:expr) => {
                match $any {
                    $(AnyCell::$cell($bound) => $result,)*
                    $(AnyCell::$wrapper(boxed) => {
                        let $bound: &$wrapper_type = boxed;
                        $result
                    })*
                }
            };
        }
    };
}

any_cell! {
    cells {
        /// The basic recurrent cell.
        Basic(BasicRnnCell),
        /// The LSTM.
        Lstm(LstmCell),
        /// The GRU.
        Gru(GruCell),
        /// The LSTM with layer normalisation.
        LayerNormLstm(LayerNormLstmCell),
        /// The LSTM with coupled input and forget gates.
        CoupledLstm(CoupledLstmCell),
        /// The cell of the neural architecture search.
        Nas(NasCell),
        /// The update gate cell.
        Ugrnn(UgrnnCell),
        /// The independently recurrent cell.
        IndRnn(IndRnnCell),
        /// The simple recurrent unit.
        Sru(SruCell),
        /// The minimal GRU.
        MinGru(MinGruCell),
        /// The minimal LSTM.
        MinLstm(MinLstmCell),
        /// A stack.
        Multi(MultiRnnCell<AnyCell>),
    }
    wrappers {
        /// Batch normalisation of the input transform.
        BatchNorm(BatchNormWrapper<AnyCell>),
        /// Dropout.
        Dropout(DropoutWrapper<AnyCell>),
        /// Zoneout.
        Zoneout(ZoneoutWrapper<AnyCell>),
        /// A residual connection.
        Residual(ResidualWrapper<AnyCell>),
        /// A highway connection.
        Highway(HighwayWrapper<AnyCell>),
        /// A projection of the inputs.
        InputProjection(InputProjectionWrapper<AnyCell>),
        /// A projection of the outputs.
        OutputProjection(OutputProjectionWrapper<AnyCell>),
        /// Words as inputs.
        Embedding(EmbeddingWrapper<AnyCell>),
        /// A device of its own.
        Device(DeviceWrapper<AnyCell>),
    }
}

/// The state of an [`AnyCell`].
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "states are few and moved seldom; a box would cost every step"
)]
pub enum AnyState {
    /// Of a cell that carries its output.
    Hidden(HiddenState),
    /// Of an LSTM.
    Lstm(LstmState),
    /// Of an SRU.
    Sru(SruState),
    /// Of a stack.
    Multi(MultiState<AnyState>),
    /// Of a wrapper that draws at random.
    Clocked(Box<Clocked<AnyState>>),
}

/// One expression for whichever state it is, and the result as an `AnyState` again.
macro_rules! map_state {
    ($any:expr, $bound:ident => $result:expr) => {
        match $any {
            AnyState::Hidden($bound) => AnyState::Hidden($result),
            AnyState::Lstm($bound) => AnyState::Lstm($result),
            AnyState::Sru($bound) => AnyState::Sru($result),
            AnyState::Multi($bound) => AnyState::Multi($result),
            AnyState::Clocked(boxed) => {
                let $bound = *boxed;
                AnyState::Clocked(Box::new($result))
            }
        }
    };
}

impl State for AnyState {
    fn into_parts(self) -> Vec<Tensor<2>> {
        match self {
            Self::Hidden(state) => state.into_parts(),
            Self::Lstm(state) => state.into_parts(),
            Self::Sru(state) => state.into_parts(),
            Self::Multi(state) => state.into_parts(),
            Self::Clocked(state) => state.into_parts(),
        }
    }

    fn with_parts(self, parts: Vec<Tensor<2>>) -> Self {
        map_state!(self, state => state.with_parts(parts))
    }

    fn kinds(&self) -> Vec<StatePart> {
        match self {
            Self::Hidden(state) => state.kinds(),
            Self::Lstm(state) => state.kinds(),
            Self::Sru(state) => state.kinds(),
            Self::Multi(state) => state.kinds(),
            Self::Clocked(state) => state.kinds(),
        }
    }

    fn at_training_step(self, step: u64) -> Self {
        map_state!(self, state => state.at_training_step(step))
    }

    fn without_noise(self) -> Self {
        map_state!(self, state => state.without_noise())
    }
}

/// A state that an [`AnyState`] can be.
trait OneOfAll: State + Into<AnyState> {
    /// What it is, for an error.
    const NAME: &'static str;

    /// The state, if it is of this kind.
    fn of(any: AnyState) -> std::result::Result<Self, Box<AnyState>>;
}

macro_rules! one_of_all {
    ($($state:ty, $name:literal: $pattern:pat => $inside:expr, $wrap:expr;)*) => {
        $(
            impl From<$state> for AnyState {
                fn from(state: $state) -> Self {
                    $wrap(state)
                }
            }

            impl OneOfAll for $state {
                const NAME: &'static str = $name;

                fn of(any: AnyState) -> std::result::Result<Self, Box<AnyState>> {
                    match any {
                        $pattern => Ok($inside),
                        other => Err(Box::new(other)),
                    }
                }
            }
        )*
    };
}

one_of_all! {
    HiddenState, "a hidden state": AnyState::Hidden(state) => state, AnyState::Hidden;
    LstmState, "an LSTM's": AnyState::Lstm(state) => state, AnyState::Lstm;
    SruState, "an SRU's": AnyState::Sru(state) => state, AnyState::Sru;
    MultiState<AnyState>, "a stack's": AnyState::Multi(state) => state, AnyState::Multi;
    Clocked<AnyState>, "dropout's, zoneout's or batch normalisation's": AnyState::Clocked(state) => *state,
        |state| AnyState::Clocked(Box::new(state));
}

impl OneOfAll for AnyState {
    const NAME: &'static str = "any";

    fn of(any: AnyState) -> std::result::Result<Self, Box<AnyState>> {
        Ok(any)
    }
}

impl AnyState {
    fn name(&self) -> &'static str {
        match self {
            Self::Hidden(_) => HiddenState::NAME,
            Self::Lstm(_) => LstmState::NAME,
            Self::Sru(_) => SruState::NAME,
            Self::Multi(_) => MultiState::<Self>::NAME,
            Self::Clocked(_) => Clocked::<Self>::NAME,
        }
    }

    fn of_kind<S: OneOfAll>(self) -> Result<S> {
        S::of(self).map_err(|other| {
            Error::argument(
                "state",
                format!("is {}, but the cell's is {}", other.name(), S::NAME),
                "give a state of this cell (zero_state)",
            )
        })
    }
}

fn zero_state<C: Cell<State: OneOfAll>>(cell: &C, batch: usize) -> AnyState {
    cell.zero_state(batch).into()
}

fn step<C: Cell<State: OneOfAll>>(
    cell: &C,
    input: Tensor<2>,
    state: AnyState,
) -> Result<Step<AnyState>> {
    let step = cell.step(input, state.of_kind()?)?;
    Ok(Step {
        output: step.output,
        state: step.state.into(),
    })
}

fn sequence<C: Cell<State: OneOfAll>>(
    cell: &C,
    sequence: Sequence,
    state: AnyState,
) -> Result<Unrolled<AnyState>> {
    let run = cell.sequence(sequence, state.of_kind()?)?;
    Ok(Unrolled {
        outputs: run.outputs,
        state: run.state.into(),
    })
}

fn masked_sequence<C: Cell<State: OneOfAll>>(
    cell: &C,
    sequence: &Sequence,
    state: &AnyState,
    factors: &dyn Fn() -> Tensor<3>,
) -> Option<Result<Unrolled<AnyState>>> {
    let state = match state.clone().of_kind() {
        Ok(state) => state,
        Err(error) => return Some(Err(error)),
    };
    let run = cell.masked_sequence(sequence, &state, factors)?;
    Some(run.map(|run| Unrolled {
        outputs: run.outputs,
        state: run.state.into(),
    }))
}

/// The runner of `cell`, or what is wrong with the state.
fn runner<'cell, C: Cell<State: OneOfAll>>(
    cell: &'cell C,
    state: AnyState,
) -> std::result::Result<Box<dyn Runner<AnyState> + 'cell>, Box<AnyState>> {
    let inner = cell.runner(C::State::of(state)?);
    Ok(Box::new(AnyRunner { inner }))
}

struct AnyRunner<'cell, S> {
    inner: Box<dyn Runner<S> + 'cell>,
}

impl<S: OneOfAll> Runner<AnyState> for AnyRunner<'_, S> {
    fn feed(&mut self, sequence: Sequence) -> Result<Tensor<3>> {
        self.inner.feed(sequence)
    }

    fn state(&self) -> AnyState {
        self.inner.state().into()
    }
}

impl AnyCell {
    /// The type of the cell, around it the types of its wrappers: `ResidualWrapper(LstmCell)`.
    pub fn name(&self) -> String {
        let around = |wrapper: &str, cell: &Self| format!("{wrapper}({})", cell.name());
        match self {
            Self::Basic(_) => "BasicRnnCell".to_owned(),
            Self::Lstm(_) => "LstmCell".to_owned(),
            Self::Gru(_) => "GruCell".to_owned(),
            Self::LayerNormLstm(_) => "LayerNormLstmCell".to_owned(),
            Self::CoupledLstm(_) => "CoupledLstmCell".to_owned(),
            Self::Nas(_) => "NasCell".to_owned(),
            Self::Ugrnn(_) => "UgrnnCell".to_owned(),
            Self::IndRnn(_) => "IndRnnCell".to_owned(),
            Self::Sru(_) => "SruCell".to_owned(),
            Self::MinGru(_) => "MinGruCell".to_owned(),
            Self::MinLstm(_) => "MinLstmCell".to_owned(),
            Self::Multi(stack) => {
                let names: Vec<String> = stack.layers().iter().map(Self::name).collect();
                format!("MultiRnnCell({})", names.join(", "))
            }
            Self::BatchNorm(wrapper) => around("BatchNormWrapper", wrapper.cell()),
            Self::Dropout(wrapper) => around("DropoutWrapper", wrapper.cell()),
            Self::Zoneout(wrapper) => around("ZoneoutWrapper", wrapper.cell()),
            Self::Residual(wrapper) => around("ResidualWrapper", wrapper.cell()),
            Self::Highway(wrapper) => around("HighwayWrapper", wrapper.cell()),
            Self::InputProjection(wrapper) => around("InputProjectionWrapper", wrapper.cell()),
            Self::OutputProjection(wrapper) => around("OutputProjectionWrapper", wrapper.cell()),
            Self::Embedding(wrapper) => around("EmbeddingWrapper", wrapper.cell()),
            Self::Device(wrapper) => around("DeviceWrapper", wrapper.cell()),
        }
    }

    /// The output after the last step, `[B, H]`, where `state` holds it: that of a cell whose output
    /// is its hidden state, on the cell's device.
    pub(crate) fn shown(&self, state: &AnyState) -> Option<Tensor<2>> {
        match self {
            Self::Device(wrapper) => wrapper.cell().shown(state),
            Self::InputProjection(wrapper) => wrapper.cell().shown(state),
            Self::Embedding(wrapper) => wrapper.cell().shown(state),
            Self::Sru(_)
            | Self::Multi(_)
            | Self::BatchNorm(_)
            | Self::Dropout(_)
            | Self::Zoneout(_)
            | Self::Residual(_)
            | Self::Highway(_)
            | Self::OutputProjection(_) => None,
            Self::Basic(_)
            | Self::Lstm(_)
            | Self::Gru(_)
            | Self::LayerNormLstm(_)
            | Self::CoupledLstm(_)
            | Self::Nas(_)
            | Self::Ugrnn(_)
            | Self::IndRnn(_)
            | Self::MinGru(_)
            | Self::MinLstm(_) => match state {
                AnyState::Hidden(state) => Some(state.hidden.clone()),
                AnyState::Lstm(state) => Some(state.hidden.clone()),
                AnyState::Sru(_) | AnyState::Multi(_) | AnyState::Clocked(_) => None,
            },
        }
    }
}

impl TransformsInputs for AnyCell {
    fn input_transform(&self) -> Option<InputTransform> {
        match self {
            Self::Basic(cell) => cell.input_transform(),
            Self::Lstm(cell) => cell.input_transform(),
            Self::Gru(cell) => cell.input_transform(),
            _ => None,
        }
    }

    fn with_input_transform(&self, transform: InputTransform) -> Self {
        match self {
            Self::Basic(cell) => cell.with_input_transform(transform).into(),
            Self::Lstm(cell) => cell.with_input_transform(transform).into(),
            Self::Gru(cell) => cell.with_input_transform(transform).into(),
            other => other.clone(),
        }
    }
}

impl Cell for AnyCell {
    type State = AnyState;

    fn input_size(&self) -> usize {
        with_cell!(self, cell => cell.input_size())
    }

    fn output_size(&self) -> usize {
        with_cell!(self, cell => cell.output_size())
    }

    fn zero_state(&self, batch: usize) -> AnyState {
        with_cell!(self, cell => zero_state(cell, batch))
    }

    fn step(&self, input: Tensor<2>, state: AnyState) -> Result<Step<AnyState>> {
        with_cell!(self, cell => step(cell, input, state))
    }

    fn sequence(&self, inputs: Sequence, state: AnyState) -> Result<Unrolled<AnyState>> {
        with_cell!(self, cell => sequence(cell, inputs, state))
    }

    fn masked_sequence(
        &self,
        inputs: &Sequence,
        state: &AnyState,
        factors: &dyn Fn() -> Tensor<3>,
    ) -> Option<Result<Unrolled<AnyState>>> {
        with_cell!(self, cell => masked_sequence(cell, inputs, state, factors))
    }

    /// A state of another kind is refused when the first piece is fed.
    fn runner(&self, state: AnyState) -> Box<dyn Runner<AnyState> + '_> {
        let running = with_cell!(self, cell => runner(cell, state));
        running.unwrap_or_else(|state| Box::new(Sequential::new(self, *state)))
    }
}
