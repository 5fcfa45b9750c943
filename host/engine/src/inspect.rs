//! Reads a module's bytes without running anything.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use sha2::{Digest, Sha256};
use vmgroup_core::text::one_line;
use wasmparser::component_types::{ComponentEntityType, ComponentItem};
use wasmparser::types::TypesRef;
use wasmparser::{
    ComponentInstance, Encoding, Parser, Payload, TypeRef, ValidPayload, Validator, WasmFeatures,
};

use crate::call::panic_text;
use crate::limits::{DEPTH_MAX, FUNCTIONS_LISTED_MAX, NAME_CHARS_MAX, PROBLEM_CHARS_MAX};

/// What the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A component, which a module has to be.
    Component,
    /// WebAssembly, but not a component.
    CoreModule,
    /// Something else.
    NotWasm,
}

/// What can be said about a module's bytes, whether or not they are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Bytes.
    pub size: usize,
    /// What the bytes are.
    pub kind: Kind,
    /// Sorted by name. Empty when the bytes are not valid.
    pub imports: Vec<Item>,
    /// Sorted by name. Empty when the bytes are not valid.
    pub exports: Vec<Item>,
    /// Core modules inside a component.
    pub core_modules: usize,
    /// Functions in all core modules, imported ones included.
    pub functions: usize,
    /// Globals in all core modules, imported ones included.
    pub globals: usize,
    /// Memories that all core modules define.
    pub memories: usize,
    /// Instantiations of nested components that are written down.
    pub nested_instances: usize,
    /// Why the bytes are not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Something imported or exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Such as `vmgroup:operator/log@0.1.0`.
    pub name: String,
    /// What of it is needed or given at run time, sorted: its functions, and
    /// `(component)` and the like for what is neither function nor type.
    pub functions: Vec<String>,
    /// Whether the item is itself a function, or something else that is neither
    /// an interface nor a type.
    pub bare: bool,
}

/// `sha256:` and the hexadecimal digest of the bytes: the name of a module.
pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// Reads the bytes. Function bodies are not looked at: the compiler does that.
pub fn inspect(bytes: &[u8]) -> Inspection {
    let mut inspection = Inspection {
        digest: digest(bytes),
        size: bytes.len(),
        kind: kind(bytes),
        imports: Vec::new(),
        exports: Vec::new(),
        core_modules: 0,
        functions: 0,
        globals: 0,
        memories: 0,
        nested_instances: 0,
        problem: None,
    };
    if inspection.kind == Kind::NotWasm {
        return inspection;
    }
    // The validator asserts where it should refuse, for example on types that
    // are nested 20,000 deep.
    let outcome = catch_unwind(AssertUnwindSafe(|| read(bytes, &mut inspection)));
    let problem = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(panic) => Some(format!(
            "the validator failed: {}",
            panic_text(panic.as_ref())
        )),
    };
    inspection.problem = problem.map(|problem| one_line(&problem, PROBLEM_CHARS_MAX));
    inspection
}

fn kind(bytes: &[u8]) -> Kind {
    match bytes {
        [0, b'a', b's', b'm', _, _, 0, 0, ..] => Kind::CoreModule,
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Kind::Component,
        _ => Kind::NotWasm,
    }
}

fn read(bytes: &[u8], inspection: &mut Inspection) -> wasmparser::Result<()> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::Version { encoding, .. } => {
                depth += 1;
                if *encoding == Encoding::Module {
                    inspection.core_modules += 1;
                }
            }
            // What is imported takes its place in every instance, too.
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    match import?.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => inspection.functions += 1,
                        TypeRef::Global(_) => inspection.globals += 1,
                        TypeRef::Memory(_) | TypeRef::Table(_) | TypeRef::Tag(_) => {}
                    }
                }
            }
            Payload::FunctionSection(section) => inspection.functions += section.count() as usize,
            Payload::GlobalSection(section) => inspection.globals += section.count() as usize,
            Payload::MemorySection(section) => inspection.memories += section.count() as usize,
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    if matches!(instance?, ComponentInstance::Instantiate { .. }) {
                        inspection.nested_instances += 1;
                    }
                }
            }
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section.clone() {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section.clone() {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
        if let ValidPayload::End(types) = validator.payload(&payload)? {
            depth -= 1;
            if depth == 0 && inspection.kind == Kind::Component {
                let types = types.as_ref();
                inspection.imports = items(types, &imports, |name| {
                    types.component_item_for_import(name)
                });
                inspection.exports = items(types, &exports, |name| {
                    types.component_item_for_export(name)
                });
            }
        }
    }
    Ok(())
}

fn items<'a>(
    types: TypesRef<'a>,
    names: &[String],
    find: impl Fn(&str) -> Option<&'a ComponentItem>,
) -> Vec<Item> {
    let mut items: Vec<Item> = names
        .iter()
        .filter_map(|name| find(name).map(|item| (name, item)))
        .map(|(name, item)| {
            let mut functions = Vec::new();
            let bare = match item.ty {
                ComponentEntityType::Instance(_) => {
                    list_functions(types, item, "", &mut functions);
                    false
                }
                ref other => what_it_is(other).is_some(),
            };
            functions.sort();
            Item {
                name: one_line(name, NAME_CHARS_MAX),
                functions,
                bare,
            }
        })
        .collect();
    items.sort_by(|a, b| a.name.cmp(&b.name));
    items
}

/// Whatever is too deep or too much to be listed counts as a function.
fn list_functions(types: TypesRef<'_>, item: &ComponentItem, path: &str, into: &mut Vec<String>) {
    let ComponentEntityType::Instance(id) = item.ty else {
        return;
    };
    if path.matches('/').count() >= DEPTH_MAX {
        into.push(format!("{path}… (too deep)"));
        return;
    }
    for (name, export) in &types[id].exports {
        if into.len() >= FUNCTIONS_LISTED_MAX {
            return;
        }
        // A slash in a name would count as a level: it only makes the limit tighter.
        let path = format!("{path}{}", one_line(name, NAME_CHARS_MAX));
        match &export.ty {
            ComponentEntityType::Func(_) => into.push(path),
            ComponentEntityType::Instance(_) => {
                list_functions(types, export, &format!("{path}/"), into);
            }
            other => into.extend(what_it_is(other).map(|what| format!("{path} ({what})"))),
        }
    }
}

/// None for what does not exist at run time, or is looked into.
fn what_it_is(ty: &ComponentEntityType) -> Option<&'static str> {
    match ty {
        ComponentEntityType::Func(_) => Some("function"),
        ComponentEntityType::Module(_) => Some("core module"),
        ComponentEntityType::Value(_) => Some("value"),
        ComponentEntityType::Component(_) => Some("component"),
        ComponentEntityType::Type { .. } | ComponentEntityType::Instance(_) => None,
    }
}
