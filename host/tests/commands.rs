//! What every command says, and how it ends.
#![allow(clippy::unwrap_used)]

mod program;

use program::{argument, repository, run, vmgroup, write};

const COMMANDS: &[&[&str]] = &[
    &["demo"],
    #[cfg(feature = "files")]
    &["run"],
    #[cfg(feature = "files")]
    &["get"],
    #[cfg(feature = "files")]
    &["delete"],
    #[cfg(feature = "files")]
    &["plan"],
    &["test"],
    &["module", "inspect"],
    #[cfg(feature = "files")]
    &["crd"],
    &["completions"],
];

#[test]
fn every_command_explains_itself_with_examples() {
    for command in COMMANDS {
        let ran = run(&[command, ["--help"].as_slice()].concat());
        assert_eq!(ran.code, Some(0), "{command:?}: {ran:?}");
        assert!(ran.out.contains("Examples:"), "{command:?}: {}", ran.out);
        assert!(
            ran.out.contains("Usage: vmgroup"),
            "{command:?}: {}",
            ran.out
        );
        assert_eq!(ran.talk, "", "{command:?}");
    }
}

#[test]
fn the_help_of_the_program_names_the_exit_codes_and_every_command() {
    let ran = run(&["--help"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.contains("3  nothing ran"), "{}", ran.out);
    for command in COMMANDS {
        assert!(
            ran.out.contains(&format!("\n  {}", command[0])),
            "{command:?}: {}",
            ran.out
        );
    }
}

#[test]
fn a_bad_flag_could_not_run() {
    let ran = run(&["demo", "--sped", "2"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.talk.contains("--speed"), "{}", ran.talk);
    assert_eq!(run(&["demo", "--speed", "0"]).code, Some(2));
}

#[cfg(feature = "cluster")]
#[test]
fn the_flags_of_the_demo_are_understood() {
    // It gets as far as looking for the kubeconfig.
    for flags in [
        [
            "-insecure",
            "-enable-leader-election",
            "-metrics-addr=:8080",
        ],
        [
            "--insecure",
            "--enable-leader-election",
            "--metrics-addr=127.0.0.1:8080",
        ],
    ] {
        let arguments = [&["run", "--kubeconfig", "no/such/file"], flags.as_slice()].concat();
        let ran = run(&arguments);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.talk.contains("no/such/file"), "{}", ran.talk);
        assert!(ran.talk.contains("hint: "), "{}", ran.talk);
    }
}

#[cfg(feature = "cluster")]
#[test]
fn groups_of_a_folder_are_not_said_to_be_of_one_namespace() {
    let ran = run(&["run", "--groups", "g", "--namespace", "shop"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.talk.contains("cannot be used with"), "{}", ran.talk);
}

#[test]
fn the_built_in_module_passes_its_cases_and_the_laws() {
    for cases in ["guest/cases/default", "guest/cases/laws"] {
        let ran = run(&["test", argument(&repository(cases))]);
        assert_eq!(ran.code, Some(0), "{}", ran.out);
        assert!(ran.out.contains(" 0 failed"), "{}", ran.out);
    }
}

#[test]
fn a_case_that_fails_shows_the_difference() {
    let folder = tempfile::tempdir().unwrap();
    let case = r#"{"description": "two slots are filled", "input": {"context": {"now": 0},
        "desired": {"replicas": 2}, "members": []},
        "expect": {"actions": [{"effect": {"clone": 0}}, {"effect": {"clone": 7}}]}}"#;
    let file = write(folder.path(), "wrong.json", case);
    let ran = run(&["test", argument(&file)]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("- clone slot 7"), "{}", ran.out);
    assert!(ran.out.contains("+ clone slot 1"), "{}", ran.out);
    let ran = run(&["test", argument(&file), "-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["failed"], 1, "{report}");
    assert_eq!(report["cases"][0]["result"], "failed", "{report}");
}

#[test]
fn a_case_with_an_unknown_field_or_without_expectation_names_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = "{\"description\": \"d\",\n \"expct\": {}}";
    write(folder.path(), "a.json", unknown);
    let nothing = r#"{"description": "d", "input": {"context": {"now": 0},
        "desired": {"replicas": 0}, "members": []}, "expect": {}}"#;
    write(folder.path(), "b.json", nothing);
    let ran = run(&["test", argument(folder.path())]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.out.contains("a.json:2:8: unknown field `expct`"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("nothing is expected"), "{}", ran.out);
    assert!(ran.talk.contains("hint: "), "{}", ran.talk);
}

#[test]
fn an_empty_run_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(&["test", argument(folder.path())]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.talk.contains("hint: "), "{}", ran.talk);
}

#[test]
fn a_folder_that_is_not_there_could_not_run() {
    let ran = run(&["test", "no/such/folder"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.talk.contains("`no/such/folder`"), "{}", ran.talk);
}

#[test]
fn a_good_module_is_introduced() {
    let module = repository("target/guests/one-by-one.wasm");
    let ran = run(&["module", "inspect", argument(&module)]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("name      one-by-one"), "{}", ran.out);
    let ran = run(&["module", "inspect", argument(&module), "-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["accepted"], true, "{report}");
    assert_eq!(report["description"]["name"], "one-by-one", "{report}");
}

#[test]
fn what_is_no_module_is_refused_with_the_stage() {
    let folder = tempfile::tempdir().unwrap();
    let core = write(folder.path(), "core.wasm", b"\0asm\x01\0\0\0");
    let text = write(folder.path(), "text.wasm", "hello\u{1b}[31m");
    for (file, word) in [(&core, "core module"), (&text, "not WebAssembly")] {
        let ran = run(&["module", "inspect", argument(file)]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            ran.out.contains("accepted  no, at stage inspect"),
            "{}",
            ran.out
        );
        assert!(ran.out.contains(word), "{}", ran.out);
        assert!(ran.talk.contains("hint: "), "{}", ran.talk);
        let ran = run(&["module", "inspect", argument(file), "-o", "json"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(report["refusal"]["stage"], "inspect", "{report}");
    }
    let ran = run(&[
        "test",
        argument(&repository("guest/cases/laws")),
        "-m",
        argument(&text),
    ]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.talk.contains("refused at stage inspect"),
        "{}",
        ran.talk
    );
}

#[test]
fn a_hostile_module_fails_cases_with_the_limit_and_ends_nothing() {
    let module = repository("target/guests/hostile.wasm");
    let folder = tempfile::tempdir().unwrap();
    for (behaviour, words) in [
        ("endless-loop", "! no answer: module used up its fuel of"),
        ("trap", "! no answer: module trapped"),
        ("clone-beyond-bounds", "! bounds refuses or holds the plan"),
        ("refuse", "! the answer is a refusal"),
    ] {
        let case = format!(
            r#"{{"description": "an empty group", "input": {{"context": {{"now": 0,
            "settings": "{{\"behaviour\":\"{behaviour}\"}}"}}, "desired": {{"replicas": 1}},
            "members": []}}, "expect": {{"actions": []}}}}"#
        );
        let case = write(folder.path(), "case.json", case);
        let ran = run(&["test", argument(&case), "-m", argument(&module)]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.out.contains(words), "{behaviour}: {}", ran.out);
        let said = ran.out.contains("info: will not decide");
        assert_eq!(said, behaviour == "refuse", "{}", ran.out);
    }
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    let full = std::fs::File::create("/dev/full").unwrap();
    let ran = vmgroup(&["completions", "bash"])
        .stdout(full)
        .output()
        .unwrap();
    let talk = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(2), "{talk}");
    assert!(talk.contains("failed to write the output"), "{talk}");
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run(&["completions", shell]);
        assert_eq!(ran.code, Some(0), "{shell}");
        assert!(ran.out.contains("inspect"), "{shell}");
    }
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    use std::process::Stdio;
    let mut child = program::vmgroup(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// The built-in module and, beside it, a core module with one long function.
#[cfg(feature = "files")]
fn with_a_long_function() -> Vec<u8> {
    let long = "local.get 0 i32.const 1 i32.add local.set 0\n".repeat(100_000);
    let core = wat::parse_str(format!("(module (func (local i32) {long}))")).unwrap();
    let mut module = std::fs::read(repository("target/guests/default.wasm")).unwrap();
    // Section 1 of a component is a core module; its length is a LEB128.
    module.push(1);
    let digits = [0, 7, 14, 21].map(|at| u8::try_from(core.len() >> at & 0x7f).unwrap());
    module.extend([
        digits[0] | 0x80,
        digits[1] | 0x80,
        digits[2] | 0x80,
        digits[3],
    ]);
    module.extend(core);
    module
}

#[cfg(feature = "files")]
#[test]
fn a_module_that_is_too_much_for_the_compiler_ends_the_trial_and_nothing_else() {
    let module = with_a_long_function();
    let plenty = 1_u64 << 30;
    let mib = 1_u64 << 20;
    let parent = format!("--parent={}", std::process::id());
    let tried = |bytes: u64, cpu: u64| {
        let (bytes, cpu) = (format!("--bytes={bytes}"), format!("--cpu={cpu}"));
        program::run_with(&["compile-trial", &bytes, &cpu, &parent], &module)
    };
    assert_eq!(tried(plenty, 600).code, Some(0));
    let ran = tried(64 * mib, 600);
    assert_eq!(ran.code, None, "it ends by a signal: {ran:?}");
    assert!(ran.talk.contains("memory allocation"), "{ran:?}");
    let ran = tried(plenty, 1);
    assert_eq!(ran.code, None, "it ends by a signal: {ran:?}");
    let orphan = ["compile-trial", "--bytes=1", "--cpu=1", "--parent=1"];
    assert_eq!(program::run_with(&orphan, &module).code, Some(2));
}
