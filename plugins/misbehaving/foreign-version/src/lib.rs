//! Speaks a version of the contract that does not exist.

wit_bindgen::generate!({
    inline: "
        package gristmill:plugin@0.2.0;
        interface transform { identify: func() -> string; }
        world transformer { export transform; }
    ",
});

struct Foreign;

impl exports::gristmill::plugin::transform::Guest for Foreign {
    fn identify() -> String {
        "from elsewhere".into()
    }
}

export!(Foreign);
