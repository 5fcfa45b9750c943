//! Takes a module in: size → inspect → compile → link → describe → validate
//! settings. Every step reads bytes that nobody vouches for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use vmgroup_core::text::one_line;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::bindings::{ReconcilerPre, vmgroup::operator::log};
use crate::call::State;
use crate::error::{LoadError, Stage};
use crate::inspect::{Inspection, Item, Kind, inspect};
use crate::limits::PROBLEM_CHARS_MAX;
use crate::module::{Loaded, Module};
use crate::{CONTRACT_VERSION, Engine, LOG, LOGIC, Limits, description};

impl Engine {
    /// Refuses or compiles a module. Takes as long as the compiler does: tens of
    /// milliseconds for a small module, minutes for the largest one allowed.
    ///
    /// # Errors
    /// The first step that refuses it, see [`LoadError::stage`].
    pub fn load(&self, bytes: &[u8]) -> Result<Module, LoadError> {
        let limits = self.limits();
        check_size(bytes, limits)?;
        let inspection = inspect(bytes);
        check_inspection(&inspection, limits)?;
        let component = contained(Stage::Compile, || self.compile(bytes))??;
        let pre = contained(Stage::Link, || self.link(&component))??;
        describe(Loaded {
            engine: self.clone(),
            inspection,
            pre,
        })
    }

    fn compile(&self, bytes: &[u8]) -> Result<Component, LoadError> {
        Component::from_binary(&self.inner.wasmtime, bytes).map_err(|error| LoadError::Compile {
            problem: chain(&error),
        })
    }

    fn link(&self, component: &Component) -> Result<ReconcilerPre<State>, LoadError> {
        let mut linker = Linker::<State>::new(&self.inner.wasmtime);
        log::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)
            .and_then(|()| linker.instantiate_pre(component))
            .and_then(ReconcilerPre::new)
            .map_err(|error| LoadError::Link {
                problem: chain(&error),
            })
    }
}

pub(crate) fn check_size(bytes: &[u8], limits: &Limits) -> Result<(), LoadError> {
    let (figure, limit) = (bytes.len(), limits.module_bytes);
    if figure > limit {
        Err(LoadError::TooLarge { figure, limit })
    } else {
        Ok(())
    }
}

pub(crate) fn check_inspection(inspection: &Inspection, limits: &Limits) -> Result<(), LoadError> {
    match inspection.kind {
        Kind::NotWasm => {
            return Err(LoadError::NotWasm {
                figure: inspection.size,
            });
        }
        Kind::CoreModule => return Err(LoadError::CoreModule),
        Kind::Component => {}
    }
    if let Some(problem) = &inspection.problem {
        return Err(LoadError::Invalid {
            problem: problem.clone(),
        });
    }
    let imports = forbidden(&inspection.imports);
    if !imports.is_empty() {
        return Err(LoadError::ForbiddenImports { imports });
    }
    check_exports(&inspection.exports)?;
    for (what, figure, limit) in [
        ("functions", inspection.functions, limits.functions),
        ("globals", inspection.globals, limits.globals),
        (
            "core modules",
            inspection.core_modules,
            limits.core_instances,
        ),
        (
            "instances of nested components",
            inspection.nested_instances,
            limits.nested_instances,
        ),
    ] {
        if figure > limit {
            return Err(LoadError::TooMany {
                what,
                figure,
                limit,
            });
        }
    }
    Ok(())
}

/// Every imported function but `log`, as `interface#function`. Interfaces
/// without a function are fine: toolchains import them for their types.
fn forbidden(imports: &[Item]) -> Vec<String> {
    let log = format!("{LOG}@{CONTRACT_VERSION}");
    let mut forbidden = Vec::new();
    for import in imports {
        if import.bare {
            forbidden.push(import.name.clone());
        }
        let functions = import.functions.iter();
        forbidden.extend(
            functions
                .filter(|function| !(import.name == log && *function == "log"))
                .map(|function| format!("{}#{function}", import.name)),
        );
    }
    forbidden
}

fn check_exports(exports: &[Item]) -> Result<(), LoadError> {
    let wanted = format!("{LOGIC}@{CONTRACT_VERSION}");
    if exports.iter().any(|export| export.name == wanted) {
        return Ok(());
    }
    let names = |of: &dyn Fn(&str) -> bool| -> Vec<String> {
        exports
            .iter()
            .map(|export| export.name.clone())
            .filter(|name| of(name))
            .collect()
    };
    let found = names(&|name| {
        name.strip_prefix(LOGIC)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
    });
    if found.is_empty() {
        Err(LoadError::NoLogic {
            found: names(&|_| true),
        })
    } else {
        Err(LoadError::WrongVersion { found })
    }
}

fn describe(loaded: Loaded) -> Result<Module, LoadError> {
    let limits = loaded.engine.limits().clone();
    let loaded = Arc::new(loaded);
    let description =
        crate::call::describe(&loaded).map_err(|source| LoadError::Describe { source })?;
    description::check(&description, &limits)
        .map_err(|problem| LoadError::Description { problem })?;
    let verdict = crate::call::validate_settings(&loaded, &description.default_settings)
        .result
        .map_err(|source| LoadError::ValidateSettings { source })?;
    match verdict {
        Ok(()) => Ok(Module::new(loaded, description)),
        Err(errors) => Err(LoadError::DefaultSettings { errors }),
    }
}

/// A bug in the compiler must not end the process.
fn contained<T>(stage: Stage, step: impl FnOnce() -> T) -> Result<T, LoadError> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|panic| LoadError::Internal {
        stage,
        problem: crate::call::panic_text(panic.as_ref()),
    })
}

/// A wasmtime error with its causes on one line; it quotes names of the guest.
pub(crate) fn chain(error: &wasmtime::Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    one_line(&causes.join(": ").replace('\n', " "), PROBLEM_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_the_compiler_refuses_the_module_and_nothing_else() {
        let error = contained(Stage::Compile, || -> () {
            panic!("a bug in {}", "codegen")
        });
        let error = error.expect_err("the panic");
        assert_eq!(error.stage(), Stage::Compile);
        assert_eq!(
            error.to_string(),
            "the engine failed at stage compile: a bug in codegen"
        );
    }
}
