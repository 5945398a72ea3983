fn graph() {
    let graph = {
        #[allow(unused_imports, reason = "which of them are used depends on the types")]
        use streamweave::graph::check::{
            Handled as _, HowByClone as _, HowNot as _, NodeBroken as _, NodeSound as _,
        };
        let (node_0, node_1, node_2, workers_0) = (
            A {},
            B {},
            C {},
            streamweave::graph::check::workers(n),
        );
        let ports_0 = {
            use streamweave::graph::check::handle as __handle;
            __handle(&(node_0))
        };
        let ports_1 = {
            use streamweave::graph::check::handle as __handle;
            __handle(&(node_1))
        };
        let ports_2 = {
            use streamweave::graph::check::handle as __handle;
            __handle(&(node_2))
        };
        let sound_0 = streamweave::graph::check::Checked::of(&node_0);
        let sound_1 = streamweave::graph::check::Checked::of(&node_1);
        let sound_2 = streamweave::graph::check::Checked::of(&node_2);
        let a = &ports_0;
        let b = &ports_1;
        let c = &ports_2;
        let out_0 = a.outputs.out;
        let out_1 = b.outputs.out;
        let out_2 = a.outputs.other;
        let input_0 = b.inputs.input;
        let input_1 = c.inputs.input;
        let input_2 = c.inputs.input;
        #[allow(unexpected_cfgs)]
        if false {
            {
                use streamweave::graph::check::edge as __edge;
                let pair = out_0.pair(input_0);
                __edge(&(pair));
            }
            {
                use streamweave::graph::check::edge as __edge;
                let pair = out_1.pair(input_1);
                __edge(&(pair));
            }
            {
                use streamweave::graph::check::edge as __edge;
                let pair = out_2.pair(input_2);
                __edge(&(pair));
            }
            {
                let wiring = streamweave::graph::check::wiring(&ports_0);
                wiring.complete();
            }
            {
                let wiring = streamweave::graph::check::wiring(&ports_1);
                let wiring = input_0.connect(wiring);
                wiring.complete();
            }
            {
                let wiring = streamweave::graph::check::wiring(&ports_2);
                let wiring = input_1.connect(wiring);
                let wiring = input_2.connect(wiring);
                wiring.complete();
            }
        }
        let mut builder = streamweave::graph::GraphBuilder::new("graph");
        builder
            .set_spec(streamweave::graph::GraphSpec {
                nodes: ::std::vec![
                    streamweave::graph::NodeSpec { path :
                    ::std::string::String::from("a"), policy :
                    ::core::default::Default::default(), workers :
                    ::core::option::Option::None, renamed_from :
                    ::core::option::Option::None, }, streamweave::graph::NodeSpec { path
                    : ::std::string::String::from("b"), policy :
                    ::core::default::Default::default(), workers :
                    ::core::option::Option::Some(workers_0), renamed_from :
                    ::core::option::Option::None, }, streamweave::graph::NodeSpec { path
                    : ::std::string::String::from("c"), policy :
                    ::core::default::Default::default(), workers :
                    ::core::option::Option::None, renamed_from :
                    ::core::option::Option::None, }
                ],
                edges: ::std::vec![
                    streamweave::graph::EdgeSpec { from :
                    ::std::string::String::from("a.out"), to :
                    ::std::string::String::from("b.input"), buffer :
                    ::core::option::Option::None, boundary : false, feedback : false,
                    in_turn : false, severable : false, }, streamweave::graph::EdgeSpec {
                    from : ::std::string::String::from("b.out"), to :
                    ::std::string::String::from("c.input"), buffer :
                    ::core::option::Option::None, boundary : false, feedback : false,
                    in_turn : false, severable : false, }, streamweave::graph::EdgeSpec {
                    from : ::std::string::String::from("a.other"), to :
                    ::std::string::String::from("c.input"), buffer :
                    ::core::option::Option::None, boundary : false, feedback : false,
                    in_turn : false, severable : false, }
                ],
                groups: ::std::vec![],
            });
        let workers_0 = streamweave::graph::check::width(workers_0);
        let (edge_1, (edge_2, ())) = *streamweave::graph::check::apart(|| {
            let open = {
                streamweave::graph::check::tied(
                    (input_2, (input_1, &ports_2)),
                    streamweave::graph::check::open(&ports_2),
                )
            };
            let (node, to) = (&sound_2)
                .checked((
                    streamweave::graph::check::tied(
                        (input_2, (input_1, &ports_2)),
                        node_2,
                    ),
                    (
                        input_1
                            .edge()
                            .handled((&&&&input_1).handling())
                            .gather(workers_0),
                        (input_2.edge().handled((&&&&input_2).handling()), ()),
                    ),
                ));
            builder.attach_many(node, "c", to, open)
        });
        let (edge_0, ()) = *streamweave::graph::check::apart(|| {
            let open = streamweave::graph::Wide::unit(workers_0)
                .zip(edge_1)
                .map(|((), edge_1)| {
                    streamweave::graph::check::tied(
                            (input_0, (out_1, &ports_1)),
                            streamweave::graph::check::open(&ports_1),
                        )
                        .out(streamweave::graph::check::via(input_1, edge_1))
                });
            let (node, to) = (&sound_1)
                .checked((
                    streamweave::graph::check::tied(
                        (input_0, (out_1, &ports_1)),
                        node_1,
                    ),
                    (input_0.edge().handled((&&&&input_0).handling()), ()),
                ));
            builder.attach_many_wide(node, "b", to, open)
        });
        let edge_0 = edge_0.one();
        streamweave::graph::check::apart(|| {
            let open = {
                (&sound_0)
                    .checked(
                        streamweave::graph::check::tied(
                            (out_2, (out_0, &ports_0)),
                            streamweave::graph::check::open(&ports_0),
                        ),
                    )
                    .out(streamweave::graph::check::via(input_0, edge_0))
                    .other(streamweave::graph::check::via(input_2, edge_2))
            };
            builder
                .root(
                    (&sound_0)
                        .checked(
                            streamweave::graph::check::tied(
                                (out_2, (out_0, &ports_0)),
                                node_0,
                            ),
                        ),
                    "a",
                    open,
                )
        });
        let graph = { builder.finish((), ()) };
        graph
    };
}
