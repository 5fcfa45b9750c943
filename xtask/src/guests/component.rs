//! From a core module, which a Rust compiler writes, to a component, which the host accepts.

use anyhow::Result;
use wit_component::ComponentEncoder;

/// The component around a core module. Its interface stands in a custom section that
/// `wit-bindgen` wrote; an import that the interface does not explain is an error.
pub(super) fn from_core(core: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(core)?
        .encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn a_module_becomes_a_component() {
        let component = from_core(EMPTY_MODULE).expect("an empty module is a fine component");
        assert_eq!(
            component[..8],
            *b"\0asm\x0d\0\x01\0",
            "version and layer of a component"
        );
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(from_core(b"not wasm").is_err());
    }

    #[test]
    fn an_import_that_no_interface_explains_is_refused_by_name() {
        // (module (type (func)) (import "wasi" "f" (func (type 0))))
        let wasi = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x0a\x01\x04wasi\x01f\0\0";
        let error = from_core(wasi).expect_err("nothing explains this import");
        assert!(format!("{error:#}").contains("wasi"), "{error:#}");
    }
}
