//! A generated module: wasm-smith writes a core module with our imports and exports in it, and four
//! of its bodies are exchanged for ones that work: `describe` and `validate-settings`, so that it is
//! loaded at all, `cabi_realloc`, so that the observation gets in, and `reconcile`, which says so
//! and then hands over to a generated body that nobody has read.

use std::convert::Infallible;

use arbitrary::Unstructured;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, ConstExpr, CustomSection, DataSection, ExportSection, Module};
use wasm_smith::Config;
use wasmparser::{DataSectionReader, Export, ExternalKind, FunctionBody, Parser, Payload};
use wit_component::ComponentEncoder;

use crate::bodies::{self, Steering};
use crate::random::Random;

/// What does not change from one module to the next.
pub(crate) struct Contract {
    metadata: Vec<u8>,
}

impl Contract {
    /// The world `reconciler`, encoded once: parsing it takes longer than generating a module.
    pub(crate) fn read() -> Contract {
        let mut resolve = wit_parser::Resolve::default();
        let package = resolve
            .push_str("contract.wit", &crate::forge::contract())
            .expect("the contract parses");
        let world = resolve
            .select_world(&[package], Some("reconciler"))
            .expect("the world");
        let encoding = wit_component::StringEncoding::UTF8;
        let metadata = wit_component::metadata::encode(&resolve, world, encoding, None)
            .expect("the world can be encoded");
        Contract { metadata }
    }
}

/// A module that a seed fixes, and how its answer came about.
pub(crate) struct Generated {
    /// The component.
    pub(crate) bytes: Vec<u8>,
    /// What becomes of what the generated body returns.
    pub(crate) steering: Steering,
}

/// Why there is no module for a seed: said, and left out of the count.
pub(crate) type Ungenerated = &'static str;

/// The module of that seed.
pub(crate) fn generate(seed: u64, contract: &Contract) -> Result<Generated, Ungenerated> {
    let mut random = Random::new(seed);
    let steering = Steering::ALL[random.below(Steering::ALL.len())];
    let config = config(&mut random).map_err(|_| "no configuration")?;
    let bytes = random.bytes(SMITH_BYTES_MIN, SMITH_BYTES_MAX);
    let module = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes))
        .map_err(|_| "wasm-smith ran out of bytes")?;
    let mut module = spliced(&module.to_bytes(), steering)?;
    module.section(&CustomSection {
        name: "component-type".into(),
        data: contract.metadata.as_slice().into(),
    });
    ComponentEncoder::default()
        .validate(false)
        .module(module.as_slice())
        .and_then(|mut encoder| encoder.encode())
        .map(|bytes| Generated { bytes, steering })
        .map_err(|_| "wit-component refused the core module")
}

/// Bytes from which wasm-smith draws: with fewer there is no code, with more
/// Cranelift takes the time.
const SMITH_BYTES_MIN: usize = 1 << 10;
const SMITH_BYTES_MAX: usize = 12 << 10;

/// Memories, as limits of pages: the engine allows 512, and our data needs one.
const MEMORIES: [&str; 6] = ["1", "1 1", "2 64", "17", "1 600", "400 512"];

fn config(random: &mut Random) -> arbitrary::Result<Config> {
    let choices = random.bytes(256, 512);
    let mut config: Config = Unstructured::new(&choices).arbitrary()?;
    config.module_shape = Some(shape(MEMORIES[random.below(MEMORIES.len())]));
    config.max_memories = 1;
    config.min_data_segments = 1;
    config.max_data_segments = 1 + random.below(8);
    config.max_funcs = 5 + random.below(20);
    config.max_types = 5 + random.below(40);
    config.max_instructions = 20 + random.below(400);
    config.max_tables = random.below(3);
    // A little more than the engine allows, so that the limit is met, too.
    config.max_table_elements = 12_000;
    config.allow_start_export = random.in_a_hundred(5);
    config.generate_custom_sections = random.in_a_hundred(10);
    if !random.in_a_hundred(4) {
        // What the engine has switched off would only be refused by the compiler.
        config.gc_enabled = false;
        config.exceptions_enabled = false;
        config.threads_enabled = false;
        config.memory64_enabled = false;
        config.relaxed_simd_enabled = false;
    }
    Ok(config)
}

/// The imports and exports that every module has, in the order that [`spliced`] counts on.
fn shape(memory: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "vmgroup:operator/log@0.1.0" "log" (func (param i32 i32 i32)))
            (memory (export "memory") {memory})
            (func (export "{DECIDE}") (param i32) (result i32) unreachable)
            (func (export "{DESCRIBE}") (result i32) unreachable)
            (func (export "{VALIDATE}") (param i32 i32) (result i32) unreachable)
            (func (export "{RECONCILE}") (param i32) (result i32) unreachable)
            (func (export "{REALLOC}") (param i32 i32 i32 i32) (result i32) unreachable))"#
    );
    wat::parse_str(text).expect("the shape is well formed")
}

/// The body that wasm-smith wrote; nobody outside sees the export.
const DECIDE: &str = "decide";
const DESCRIBE: &str = "vmgroup:operator/logic@0.1.0#describe";
const VALIDATE: &str = "vmgroup:operator/logic@0.1.0#validate-settings";
const RECONCILE: &str = "vmgroup:operator/logic@0.1.0#reconcile";
const REALLOC: &str = "cabi_realloc";

/// The module with the bodies exchanged and our data added.
fn spliced(bytes: &[u8], steering: Steering) -> Result<Module, Ungenerated> {
    let found = Found::in_module(bytes).ok_or("wasm-smith left an export out")?;
    let replaced = [
        (found.describe, bodies::describe()),
        (found.validate, bodies::validate()),
        (found.reconcile, bodies::reconcile(found.decide, steering)),
        (found.realloc, bodies::realloc()),
    ];
    let mut splice = Splice {
        replaced,
        next: found.imported_functions,
    };
    let mut module = Module::new();
    splice
        .parse_core_module(&mut module, Parser::new(0), bytes)
        .map_err(|_| "the module cannot be written again")?;
    Ok(module)
}

/// Indexes of the functions that matter.
struct Found {
    imported_functions: u32,
    decide: u32,
    describe: u32,
    validate: u32,
    reconcile: u32,
    realloc: u32,
}

impl Found {
    fn in_module(bytes: &[u8]) -> Option<Found> {
        let (mut imported_functions, mut exports) = (0, Vec::new());
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.ok()? {
                Payload::ImportSection(section) => {
                    imported_functions += u32::try_from(section.into_imports().count()).ok()?;
                }
                Payload::ExportSection(section) => {
                    exports = section.into_iter().collect::<Result<_, _>>().ok()?;
                }
                _ => {}
            }
        }
        let function = |name: &str| {
            let mut all = exports.iter().filter(|e: &&Export<'_>| e.name == name);
            let export = all.find(|e| e.kind == ExternalKind::Func)?;
            Some(export.index)
        };
        Some(Found {
            imported_functions,
            decide: function(DECIDE)?,
            describe: function(DESCRIBE)?,
            validate: function(VALIDATE)?,
            reconcile: function(RECONCILE)?,
            realloc: function(REALLOC)?,
        })
    }
}

struct Splice {
    replaced: [(u32, wasm_encoder::Function); 4],
    next: u32,
}

impl Reencode for Splice {
    type Error = Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Infallible>> {
        let index = self.next;
        self.next += 1;
        match self.replaced.iter().find(|(of, _)| *of == index) {
            Some((_, body)) => {
                code.function(body);
                Ok(())
            }
            None => utils::parse_function_body(self, code, body),
        }
    }

    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: Export<'_>,
    ) -> Result<(), Error<Infallible>> {
        if export.name == DECIDE {
            return Ok(());
        }
        utils::parse_export(self, exports, export)
    }

    /// Ours come last, so that nothing generated overwrites them at the start.
    fn parse_data_section(
        &mut self,
        data: &mut DataSection,
        section: DataSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_data_section(self, data, section)?;
        for (at, bytes) in bodies::data() {
            data.active(0, &ConstExpr::i32_const(at), bytes);
        }
        Ok(())
    }

    fn data_count(&mut self, count: u32) -> Result<u32, Error<Infallible>> {
        Ok(count + bodies::data().len() as u32)
    }
}
