use super::*;
use crate::plan::{Reason, Refusal};

const SCALE_UP: &str = r#"{
  "description": "one member is missing",
  "input": {
    "context": { "now": 1000000 },
    "desired": { "replicas": 2 },
    "members": [ { "id": "vm-1", "slot": 0, "power": "off" } ]
  },
  "expect": { "actions": [ { "effect": { "clone": 1 }, "code": "scale-up" } ] }
}"#;

fn case(expect: &str) -> Case {
    let expected = r#"{ "actions": [ { "effect": { "clone": 1 }, "code": "scale-up" } ] }"#;
    assert!(SCALE_UP.contains(expected));
    Case::parse(&SCALE_UP.replace(expected, expect)).expect("it is a case")
}

fn plan(effects: &[Effect]) -> Answer {
    let reason = Reason {
        code: "scale-up".into(),
        message: "1 of 2".into(),
    };
    let action = |effect: &Effect| Action {
        effect: effect.clone(),
        reason: reason.clone(),
    };
    Answer::Plan(Plan {
        actions: effects.iter().map(action).collect(),
        ..Plan::default()
    })
}

fn refusal(code: &str) -> Answer {
    let reason = Reason {
        code: code.into(),
        message: String::new(),
    };
    Answer::Refusal(Refusal {
        reason,
        next_look: None,
    })
}

fn judged(expect: &str, answer: &Answer) -> Vec<String> {
    let result = case(expect).judge(answer, &Circumstances::default());
    result
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn what_a_problem_quotes_cannot_write_to_a_terminal() {
    let text = r#"{"description": "", "input": {"\u001b[2J\r": 1}}"#;
    let Err(CaseError::Malformed { problem, .. }) = Case::parse(text) else {
        panic!("it is no case")
    };
    assert!(problem.starts_with("unknown field `[2J`"), "{problem}");
}

#[test]
fn a_small_case_is_read_with_the_defaults_of_the_resource() {
    let case = Case::parse(SCALE_UP).expect("it is a case");
    assert_eq!(
        case.input.as_of, case.input.context.now,
        "the view is fresh"
    );
    let written: serde_json::Value = serde_json::from_str(&case.to_text()).expect("it is JSON");
    let expected = serde_json::json!({
        "context": {
            "phase": "normal", "now": 1_000_000, "woken": "time-came", "settings": "{}",
            "violations": []
        },
        "desired": {
            "replicas": 2, "maxUnavailable": 1, "maxSurge": 1, "minAlive": 0, "spares": 0,
            "power": { "state": "on", "drift": "enforce", "graceMs": 300_000, "since": 0 },
            "removal": "newest", "update": "in-place", "heal": "never", "healAfterMs": 600_000,
            "parking": "forbidden",
            "budget": {
                "deletes": 10, "disruptions": 10, "scaledDown": 4_294_967_295_u32,
                "windowEnds": 9_007_199_254_740_991_u64
            },
            "maxActions": 50
        },
        "members": [ {
            "id": "vm-1", "slot": 0, "power": "off", "powerSince": 0, "connection": "connected",
            "health": "ready", "healthSince": 0, "drift": "none", "cpus": 1, "memoryMib": 1024,
            "labels": [], "holds": []
        } ],
        "operations": [], "failures": [], "complete": true, "asOf": 1_000_000
    });
    assert_eq!(written["input"], expected);
}

#[test]
fn what_is_written_reads_back_as_the_same() {
    for expect in [
        r#"{ "actions": [], "violations": ["bounds", "evidence"], "nextLook": { "afterMs": 5 } }"#,
        r#"{ "refusal": { "code": "bad-settings" } }"#,
        r#"{ "lawful": { "never": ["delete", "clone"] } }"#,
    ] {
        let case = case(expect);
        assert_eq!(Case::parse(&case.to_text()), Ok(case));
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "one table of cases")]
fn everything_that_is_not_strictly_a_case_is_an_error_with_its_place() {
    let error = |text: &str| Case::parse(text).expect_err("it is no case").to_string();
    let with = |from: &str, to: &str| {
        assert!(SCALE_UP.contains(from), "{from} is in the case");
        error(&SCALE_UP.replace(from, to))
    };
    let table = [
        (
            with(r#""slot": 0"#, r#""slott": 0"#),
            "line 6, column 40: unknown field `slott`",
        ),
        (
            with(r#""replicas": 2"#, r#""replica": 2"#),
            "line 5, column 26: unknown field `replica`",
        ),
        (
            with(r#""members""#, r#""member""#),
            "line 6, column 12: unknown field `member`",
        ),
        (
            with(r#""now": 1000000"#, ""),
            "line 4, column 19: missing field `now`",
        ),
        (
            with(r#""slot": 0"#, r#""slot": -1"#),
            "line 6, column 43: invalid value: integer `-1`",
        ),
        (
            with(r#""clone": 1"#, r#""klone": 1"#),
            "line 8, column 48: unknown variant `klone`",
        ),
        (
            with(
                r#""actions": [ { "effect": { "clone": 1 }, "code": "scale-up" } ]"#,
                "",
            ),
            "line 9, column 1: nothing is expected",
        ),
        (
            with(r#""actions""#, r#""refusal": { "code": "x" }, "actions""#),
            "exclude one another",
        ),
        (
            with(
                r#""expect": {"#,
                r#""expect": { "violations": ["nonsense"],"#,
            ),
            "unknown variant `nonsense`",
        ),
        (
            with("\n}", ", \"expected\": {} }"),
            "unknown field `expected`",
        ),
        (error(""), "line 1, column 0: EOF while parsing a value"),
        (
            error(&format!("{SCALE_UP} x")),
            "line 9, column 3: trailing characters",
        ),
        (
            error(&" ".repeat(CASE_BYTES_MAX + 1)),
            "case has 4194305 bytes, the limit is 4194304",
        ),
    ];
    for (actual, expected) in table {
        assert!(actual.contains(expected), "{actual} contains {expected}");
        assert!(
            !actual.contains(" at line "),
            "{actual} says its place once"
        );
    }
    let of_lawful = r#"{ "lawful": {}, "violations": ["bounds"] }"#;
    assert!(Case::parse(&case("{ \"lawful\": {} }").to_text()).is_ok());
    assert!(serde_json::from_str::<Expectation>(of_lawful).is_err());
}

#[test]
fn exactly_the_actions_that_are_expected_pass() {
    let expect = r#"{ "actions": [ { "effect": { "clone": 1 }, "code": "scale-up" } ] }"#;
    assert!(judged(expect, &plan(&[Effect::Clone(1)])).is_empty());
    assert_eq!(judged(expect, &plan(&[])), ["- clone slot 1 (scale-up)"]);
    let both = plan(&[Effect::Clone(1), Effect::PowerOn("vm-1".into())]);
    assert_eq!(
        judged(expect, &both),
        ["+ power-on vm-1 (scale-up: 1 of 2)"]
    );
    let other = expect.replace("scale-up", "grow");
    assert_eq!(
        judged(&other, &plan(&[Effect::Clone(1)])),
        ["! clone slot 1: the code is scale-up, expected is grow"]
    );
    assert_eq!(
        judged(expect, &refusal("lazy")),
        ["! the answer is a refusal for lazy, expected is a plan of 1 action(s)"]
    );
}

#[test]
fn the_order_of_actions_says_nothing_and_their_number_does() {
    let expect = r#"{ "actions": [
        { "effect": { "power-on": "vm-1" } }, { "effect": { "clone": 1 } } ] }"#;
    let (clone, on) = (Effect::Clone(1), Effect::PowerOn("vm-1".into()));
    assert!(judged(expect, &plan(&[clone.clone(), on.clone()])).is_empty());
    assert!(judged(expect, &plan(&[on, clone.clone()])).is_empty());
    let twice =
        r#"{ "actions": [ { "effect": { "clone": 1 } } ], "violations": ["one-at-a-time"] }"#;
    let found = judged(twice, &plan(&[clone.clone(), clone]));
    assert_eq!(found, ["+ clone slot 1 (scale-up: 1 of 2)"]);
}

#[test]
fn a_broken_rule_has_to_be_expected() {
    let plain = r#"{ "actions": [ { "effect": { "clone": 0 } } ] }"#;
    let found = judged(plain, &plan(&[Effect::Clone(0)]));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("! empty-by-proof refuses or holds the plan: clone slot 0"));
    let expected = plain.replace(
        "] }",
        "], \"violations\": [\"empty-by-proof\", \"bounds\"] }",
    );
    let found = judged(&expected, &plan(&[Effect::Clone(0)]));
    assert_eq!(found, ["! bounds should refuse or hold the plan"]);
}

#[test]
fn anything_lawful_may_not_break_rules_nor_do_what_must_never_be() {
    let expect = r#"{ "lawful": { "never": ["clone"] } }"#;
    assert!(judged(expect, &plan(&[])).is_empty());
    assert!(judged(expect, &refusal("anything")).is_empty());
    assert_eq!(
        judged(expect, &plan(&[Effect::Clone(1)])),
        ["! clone slot 1 must never be done here"]
    );
    let found = judged(expect, &plan(&[Effect::Delete("vm-1".into())]));
    let unjustified = "! justified-delete refuses or holds the plan";
    assert!(
        found.iter().any(|it| it.starts_with(unjustified)),
        "{found:?}"
    );
}

#[test]
fn waiting_for_an_approval_is_lawful_and_has_to_be_expected_of_actions() {
    let lost = Circumstances {
        mass_loss: true,
        ..Circumstances::default()
    };
    let judge = |expect: &str| case(expect).judge(&plan(&[Effect::Clone(1)]), &lost);
    assert_eq!(judge(r#"{ "lawful": {} }"#), Ok(()));
    let actions = r#"{ "actions": [ { "effect": { "clone": 1 } } ] }"#;
    let found = judge(actions).expect_err("it is held");
    assert_eq!(
        found[0].to_string(),
        "! mass-loss refuses or holds the plan: clone slot 1"
    );
    let expected = actions.replace("] }", "], \"violations\": [\"mass-loss\"] }");
    assert_eq!(judge(&expected), Ok(()));
}

#[test]
fn a_refusal_is_compared_by_its_code_and_the_next_look_by_its_time() {
    let expect = r#"{ "refusal": { "code": "bad-settings" }, "nextLook": { "afterMs": 30 } }"#;
    assert_eq!(
        judged(expect, &refusal("bad-settings")),
        ["! next look in no ms, expected is 30"]
    );
    assert_eq!(
        judged(expect, &refusal("lazy"))[0],
        "! the answer is a refusal for lazy, expected is a refusal for bad-settings"
    );
}

#[test]
fn a_case_is_read_up_to_its_limit() {
    let padded = |bytes: usize| SCALE_UP.to_owned() + &" ".repeat(bytes - SCALE_UP.len());
    assert!(Case::parse(&padded(CASE_BYTES_MAX)).is_ok());
    let bytes = 2 * CASE_BYTES_MAX;
    assert_eq!(
        Case::parse(&padded(bytes)),
        Err(CaseError::TooLarge { bytes })
    );
}
