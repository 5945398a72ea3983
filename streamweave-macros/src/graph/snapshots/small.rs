fn graph() {
    let graph = {
        #[allow(unused_imports, reason = "which of them are used depends on the types")]
        use streamweave::graph::check::{
            Handled as _, HowByClone as _, HowNot as _, NodeBroken as _, NodeSound as _,
        };
        let (node_0, node_1) = (Add { by: 1 }, Add { by: 2 });
        let ports_0 = {
            use streamweave::graph::check::handle as __handle;
            __handle(&(node_0))
        };
        let ports_1 = {
            use streamweave::graph::check::handle as __handle;
            __handle(&(node_1))
        };
        let sound_0 = streamweave::graph::check::Checked::of(&node_0);
        let sound_1 = streamweave::graph::check::Checked::of(&node_1);
        let first = &ports_0;
        let second = &ports_1;
        let out_0 = first.outputs.out;
        let out_1 = second.outputs.out;
        let input_0 = first.inputs.input;
        let input_1 = second.inputs.input;
        let graph_input_0 = input_0.graph_input();
        let graph_output_0 = out_0.graph_output();
        let graph_output_1 = out_1.graph_output();
        #[allow(unexpected_cfgs)]
        if false {
            {
                use streamweave::graph::check::edge as __edge;
                let pair = out_0.pair(input_1);
                __edge(&(pair));
            }
            {
                let receivers = out_0.receivers().to((&sound_1).checked(input_1)).away();
                streamweave::graph::check::fan_out(&(receivers));
            }
            streamweave::graph::check::leaves(&((&sound_0).checked(out_0)));
            streamweave::graph::check::leaves(&((&sound_1).checked(out_1)));
            {
                let wiring = streamweave::graph::check::wiring(&ports_0);
                let wiring = input_0.connect(wiring);
                wiring.complete();
            }
            {
                let wiring = streamweave::graph::check::wiring(&ports_1);
                let wiring = input_1.connect(wiring);
                wiring.complete();
            }
        }
        let mut builder = streamweave::graph::GraphBuilder::new("graph");
        builder
            .set_spec(streamweave::graph::GraphSpec {
                nodes: ::std::vec![
                    streamweave::graph::NodeSpec { path :
                    ::std::string::String::from("first"), policy :
                    ::core::default::Default::default(), workers :
                    ::core::option::Option::None, renamed_from :
                    ::core::option::Option::None, }, streamweave::graph::NodeSpec { path
                    : ::std::string::String::from("second"), policy :
                    ::core::default::Default::default(), workers :
                    ::core::option::Option::None, renamed_from :
                    ::core::option::Option::None, }
                ],
                edges: ::std::vec![
                    streamweave::graph::EdgeSpec { from :
                    ::std::string::String::from("graph.numbers"), to :
                    ::std::string::String::from("first.input"), buffer :
                    ::core::option::Option::None, boundary : false, feedback : false,
                    in_turn : false, severable : false, }, streamweave::graph::EdgeSpec {
                    from : ::std::string::String::from("first.out"), to :
                    ::std::string::String::from("second.input"), buffer :
                    ::core::option::Option::None, boundary : false, feedback : false,
                    in_turn : false, severable : false, }, streamweave::graph::EdgeSpec {
                    from : ::std::string::String::from("first.out"), to :
                    ::std::string::String::from("graph.seen"), buffer :
                    ::core::option::Option::None, boundary : false, feedback : false,
                    in_turn : false, severable : false, }, streamweave::graph::EdgeSpec {
                    from : ::std::string::String::from("second.out"), to :
                    ::std::string::String::from("graph.sums"), buffer :
                    ::core::option::Option::None, boundary : false, feedback : false,
                    in_turn : false, severable : false, }
                ],
                groups: ::std::vec![],
            });
        let (edge_2, reader_0) = (&streamweave::graph::check::Checked::of(&out_0))
            .checked(
                builder
                    .output(
                        "seen",
                        (&streamweave::graph::check::Checked::of(&out_0)).checked(out_0),
                        ::core::option::Option::None,
                    ),
            );
        let (edge_3, reader_1) = (&streamweave::graph::check::Checked::of(&out_1))
            .checked(
                builder
                    .output(
                        "sums",
                        (&streamweave::graph::check::Checked::of(&out_1)).checked(out_1),
                        ::core::option::Option::None,
                    ),
            );
        let edge_1 = streamweave::graph::check::apart(|| {
            let open = {
                streamweave::graph::check::tied(
                        (input_1, (out_1, &ports_1)),
                        streamweave::graph::check::open(&ports_1),
                    )
                    .out(streamweave::graph::check::via(graph_output_1, edge_3))
            };
            let (node, to) = (&sound_1)
                .checked((
                    streamweave::graph::check::tied(
                        (input_1, (out_1, &ports_1)),
                        node_1,
                    ),
                    input_1.edge().handled((&&&&input_1).handling()),
                ));
            builder.attach(node, "second", to, open)
        });
        let edge_0 = streamweave::graph::check::apart(|| {
            let open = {
                streamweave::graph::check::tied(
                        (input_0, (out_0, &ports_0)),
                        streamweave::graph::check::open(&ports_0),
                    )
                    .out(
                        streamweave::node::Tee::new(
                            streamweave::graph::check::via(input_1, *edge_1),
                            streamweave::graph::check::via(graph_output_0, edge_2),
                            (&out_0).how(),
                        ),
                    )
            };
            let (node, to) = (&sound_0)
                .checked((
                    streamweave::graph::check::tied(
                        (input_0, (out_0, &ports_0)),
                        node_0,
                    ),
                    input_0.edge().handled((&&&&input_0).handling()),
                ));
            builder.attach(node, "first", to, open)
        });
        let feed_0 = builder
            .input(
                "numbers",
                (&sound_0).checked(input_0.edge().handled((&&&&input_0).handling())),
                streamweave::graph::check::via(input_0, *edge_0),
            );
        let graph = {
            #[allow(dead_code, reason = "a program may leave ports unused")]
            struct Inputs<T0> {
                numbers: T0,
            }
            #[allow(dead_code, reason = "a program may leave ports unused")]
            struct Outputs<T0, T1> {
                seen: T0,
                sums: T1,
            }
            builder
                .finish(
                    Inputs { numbers: feed_0 },
                    Outputs {
                        seen: reader_0,
                        sums: reader_1,
                    },
                )
        };
        graph
    };
}
