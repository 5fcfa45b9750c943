//! The default reconciler, which every operator carries with it.

/// The component's bytes, as `cargo xtask guests` built them.
pub fn built_in() -> &'static [u8] {
    include_bytes!(concat!(env!("OUT_DIR"), "/default.wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_module_is_a_webassembly_component() {
        // Magic, then version 13 of layer 1: a component, not a core module.
        assert_eq!(built_in()[..8], *b"\0asm\x0d\0\x01\0");
    }
}
