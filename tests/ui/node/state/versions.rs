// errors: 6
use streamweave::prelude::*;
use streamweave::state::OldState;

macro_rules! pass {
    ($name:ident, $handlers:ident, $state:ident, $out:ident) => {
        impl $handlers for $name {
            fn on_input(&self, state: &mut $state, n: u64, _: &mut impl $out) -> NodeResult {
                *state.sums.entry(n) += n;
                Ok(())
            }
        }
    };
}

fn migrate<S>(_: &mut OldState<'_>, _: &mut S) -> NodeResult {
    Ok(())
}
fn without_old(_: &mut OfAnotherShapeState) -> NodeResult {
    Ok(())
}

#[node(migrate = migrate, register = false)]
struct OfNone {
    #[input]
    input: u64,
    #[state]
    sums: Keyed<u64, u64>,
}
pass!(OfNone, OfNoneHandlers, OfNoneState, OfNoneOut);

#[node(version = 1, migrate = migrate, register = false)]
struct OfTheFirst {
    #[input]
    input: u64,
    #[state]
    sums: Keyed<u64, u64>,
}
pass!(OfTheFirst, OfTheFirstHandlers, OfTheFirstState, OfTheFirstOut);

#[node(version = 0, register = false)]
struct Zero {
    #[input]
    input: u64,
    #[state]
    sums: Keyed<u64, u64>,
}
pass!(Zero, ZeroHandlers, ZeroState, ZeroOut);

#[node(version = "2", register = false)]
struct Text {
    #[input]
    input: u64,
    #[state]
    sums: Keyed<u64, u64>,
}
pass!(Text, TextHandlers, TextState, TextOut);

#[node(version = 2, register = false)]
struct NothingSaved {
    #[input]
    input: u64,
    #[scratch]
    sums: Keyed<u64, u64>,
}
pass!(NothingSaved, NothingSavedHandlers, NothingSavedState, NothingSavedOut);

#[node(version = 2, migrate = without_old, register = false)]
struct OfAnotherShape {
    #[input]
    input: u64,
    #[state]
    sums: Keyed<u64, u64>,
}
pass!(OfAnotherShape, OfAnotherShapeHandlers, OfAnotherShapeState, OfAnotherShapeOut);

fn main() {}
