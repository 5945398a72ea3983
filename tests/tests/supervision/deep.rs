//! Policies over nested graphs whose chains are too deep for one stage.

use streamweave::nodes::try_map;
use streamweave::prelude::*;
use streamweave::testing::simulate;

use crate::bomb::{Bomb, every_unit, quiet};
use crate::nodes::*;
use crate::{Tested, play};

/// A graph so deep that it is cut twice: what passes goes on to `last`.
macro_rules! deep {
    ($name:ident, $bomb:ident, $out:ty, $last:expr) => {
        graph! {
            struct $name($bomb: Bomb) {
                #[input] numbers: u64,
                #[output] out: $out,
                #[output] beside: u64,
                p0: Pass { bomb: $bomb.clone() },
                p1: Pass { bomb: $bomb.clone() },
                p2: Pass { bomb: $bomb.clone() },
                p3: Pass { bomb: $bomb.clone() },
                p4: Pass { bomb: $bomb.clone() },
                p5: Pass { bomb: $bomb.clone() },
                p6: Pass { bomb: $bomb.clone() },
                p7: Pass { bomb: $bomb.clone() },
                p8: Pass { bomb: $bomb.clone() },
                p9: Pass { bomb: $bomb.clone() },
                p10: Pass { bomb: $bomb.clone() },
                p11: Pass { bomb: $bomb.clone() },
                p12: Pass { bomb: $bomb.clone() },
                p13: Pass { bomb: $bomb.clone() },
                p14: Pass { bomb: $bomb.clone() },
                p15: Pass { bomb: $bomb.clone() },
                p16: Pass { bomb: $bomb.clone() },
                p17: Pass { bomb: $bomb.clone() },
                p18: Pass { bomb: $bomb.clone() },
                p19: Pass { bomb: $bomb.clone() },
                p20: Pass { bomb: $bomb.clone() },
                p21: Pass { bomb: $bomb.clone() },
                p22: Pass { bomb: $bomb.clone() },
                p23: Pass { bomb: $bomb.clone() },
                p24: Pass { bomb: $bomb.clone() },
                p25: Pass { bomb: $bomb.clone() },
                p26: Pass { bomb: $bomb.clone() },
                p27: Pass { bomb: $bomb.clone() },
                p28: Pass { bomb: $bomb.clone() },
                p29: Pass { bomb: $bomb.clone() },
                p30: Pass { bomb: $bomb.clone() },
                p31: Pass { bomb: $bomb.clone() },
                p32: Pass { bomb: $bomb.clone() },
                p33: Pass { bomb: $bomb.clone() },
                last: $last,
                graph.numbers => p0.input,
                p0.out => p1.input,
                p1.out => p2.input,
                p2.out => p3.input,
                p3.out => p4.input,
                p4.out => p5.input,
                p5.out => p6.input,
                p6.out => p7.input,
                p7.out => p8.input,
                p8.out => p9.input,
                p9.out => p10.input,
                p10.out => p11.input,
                p11.out => p12.input,
                p12.out => p13.input,
                p13.out => p14.input,
                p14.out => p15.input,
                p15.out => p16.input,
                p16.out => p17.input,
                p17.out => p18.input,
                p18.out => p19.input,
                p19.out => p20.input,
                p20.out => p21.input,
                p21.out => p22.input,
                p22.out => p23.input,
                p23.out => p24.input,
                p24.out => p25.input,
                p25.out => p26.input,
                p26.out => p27.input,
                p27.out => p28.input,
                p28.out => p29.input,
                p29.out => p30.input,
                p30.out => p31.input,
                p31.out => p32.input,
                p32.out => p33.input,
                p33.out => last.input,
                last.out => graph.out,
                p9.out => graph.beside,
            }
        }
    };
}

deep! {
    Deep, bomb, (u64, u64), Tally { bomb }
}

deep! {
    PickyAtLast, bomb, u64,
    try_map(move |n: u64| {
        bomb.touch()?;
        if n % 7 == 0 { Err("7 divides it".into()) } else { Ok::<_, streamweave::NodeError>(n) }
    })
}

graph! {
    /// The same within another.
    struct Deeper(bomb: Bomb) {
        #[input] numbers: u64,
        #[output] out: (u64, u64),
        #[output] beside: u64,
        deep: Deep::new(bomb),
        graph.numbers => deep.numbers,
        deep.out => graph.out,
        deep.beside => graph.beside,
    }
}

/// Whichever node fails, its record is tried again, and what has gone on before it does so once.
#[test]
fn every_unit_of_a_chain() -> Tested {
    every_unit(false, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5)]
            inner: Deep::new(bomb),
            graph.numbers => inner.numbers,
            inner.out => graph.out,
            inner.beside => graph.beside,
        };
        let (out, beside) = play!(sim, graph, in { numbers: 0..4 }, out { out, beside });
        assert_eq!(beside, [0, 1, 2, 3]);
        Ok(out)
    })
}

#[test]
fn every_unit_in_a_group() -> Tested {
    every_unit(false, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5)]
            group all one_for_all {
                inner: Deeper::new(bomb),
            },
            graph.numbers => inner.numbers,
            inner.out => graph.out,
            inner.beside => graph.beside,
        };
        let (out, beside) = play!(sim, graph, in { numbers: 0..4 }, out { out, beside });
        assert_eq!(beside, [0, 1, 2, 3]);
        Ok(out)
    })
}

#[test]
fn every_unit_on_workers() -> Tested {
    every_unit(true, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5)]
            #[workers(2)]
            inner: Deep::new(bomb),
            graph.numbers => inner.numbers,
            inner.out => graph.out,
            inner.beside => graph.beside,
        };
        let (out, mut beside) = play!(sim, graph, in { numbers: 0..6 }, out { out, beside });
        beside.sort_unstable();
        assert_eq!(beside, [0, 1, 2, 3, 4, 5]);
        // Dealt records come in no order: each key has all its numbers, twice.
        Ok(out.into_iter().flat_map(|(n, number)| [(n, 0), (n % 3, number)]).collect())
    })
}

#[test]
fn left_out_at_its_end() -> Tested {
    quiet();
    simulate(50, |sim| {
        let graph = graph! {
            #[on_failure(skip)]
            inner: PickyAtLast::new(Bomb::at(u64::MAX, false)),
            graph.numbers => inner.numbers,
            inner.out => graph.out,
            inner.beside => graph.beside,
        };
        let (out, beside) = play!(sim, graph, in { numbers: 0..30 }, out { out, beside });
        assert!(beside.into_iter().eq(0..30));
        assert!(out.into_iter().eq((0..30).filter(|n| n % 7 != 0)));
        Ok(())
    })?;
    Ok(())
}
