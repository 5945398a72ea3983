//! Tuples: several aggregates of the same records.

use super::Aggregate;

macro_rules! together {
    ($first:ident $(, $more:ident)+; $($at:tt),+) => {
        /// All of them, each with its own result.
        impl<$first: Aggregate, $($more: Aggregate<Input = $first::Input>),+> Aggregate
            for ($first, $($more),+)
        {
            type Input = $first::Input;
            type State = ($first::State, $($more::State),+);
            type Output = ($first::Output, $($more::Output),+);

            const ORDERED: bool = $first::ORDERED $(|| $more::ORDERED)+;

            fn empty(&self) -> Self::State {
                ($(self.$at.empty(),)+)
            }
            fn add(&self, state: &mut Self::State, record: &Self::Input) {
                $(self.$at.add(&mut state.$at, record);)+
            }
            fn combine(&self, state: &mut Self::State, more: &Self::State) {
                $(self.$at.combine(&mut state.$at, &more.$at);)+
            }
            fn finish(&self, state: &Self::State) -> Self::Output {
                ($(self.$at.finish(&state.$at),)+)
            }
        }
    };
}

together!(A, B; 0, 1);
together!(A, B, C; 0, 1, 2);
together!(A, B, C, D; 0, 1, 2, 3);
