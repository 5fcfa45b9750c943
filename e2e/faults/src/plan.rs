//! What goes wrong: rules in JSON.
//!
//! ```json
//! { "seed": 7,
//!   "rules": [
//!     { "on": { "verb": "CloneVM_Task", "slot": 1 }, "nth": 2, "act": "lose-answer" },
//!     { "on": { "server": "kubernetes", "verb": "patch", "resource": "vmgroups/status" },
//!       "times": 0, "percent": 20, "act": { "answer": { "status": 503 } } } ] }
//! ```

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::call::{Call, Server};
use crate::error::Error;

/// What goes wrong, in the order in which it is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Decides what the rules leave to chance.
    #[serde(default)]
    pub seed: u64,
    /// The rules.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// Which calls are hit, and what happens to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The calls that are counted.
    pub on: Pattern,
    /// The first of them that is hit, from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many are hit from there on; 0 means all.
    #[serde(default = "one")]
    pub times: u32,
    /// Of a hundred calls that would be hit, so many are.
    #[serde(default = "all")]
    pub percent: u8,
    /// What happens to them.
    pub act: Action,
}

/// Which calls; what is left out may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pattern {
    /// The server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// The verb, as `update`, or the method, as `CloneVM_Task`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// The resource, as `vmgroups/status`, or the type of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The object: `namespace/name`, the name alone, or its MoID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The group, as namespace and name or the name alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<u32>,
}

impl Plan {
    /// Reads a plan.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let reader = &mut serde_json::Deserializer::from_str(text);
        let plan: Self = serde_path_to_error::deserialize(reader).map_err(|error| Error::Plan {
            at: error.path().to_string(),
            source: error.into_inner(),
        })?;
        plan.check()?;
        Ok(plan)
    }

    /// A plan of one rule.
    pub fn of(rule: Rule) -> Self {
        Self {
            seed: 0,
            rules: vec![rule],
        }
    }

    /// Whether every rule can do what it says.
    pub fn check(&self) -> Result<(), Error> {
        for (rule, checked) in self.rules.iter().enumerate() {
            checked.check().map_err(|why| Error::Rule { rule, why })?;
        }
        Ok(())
    }
}

impl Rule {
    /// The first call that fits is hit, once.
    pub fn once(on: Pattern, act: Action) -> Self {
        Self {
            on,
            nth: 1,
            times: 1,
            percent: all(),
            act,
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.nth == 0 {
            return Err("`nth` counts from 1".to_owned());
        }
        if !(1..=100).contains(&self.percent) {
            return Err("`percent` is a number from 1 to 100".to_owned());
        }
        let only = self.act.only_at();
        if let (Some(needed), Some(given)) = (only, self.on.server)
            && needed != given
        {
            return Err(format!("this can only happen to calls of {needed}"));
        }
        self.act.check()
    }
}

impl Pattern {
    /// Calls with this verb or method.
    pub fn verb(verb: &str) -> Self {
        Self {
            verb: Some(verb.to_owned()),
            ..Self::default()
        }
    }

    /// Whether it means that call.
    pub fn fits(&self, call: &Call) -> bool {
        let is = |wanted: &Option<String>, given: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == given)
        };
        self.server.is_none_or(|server| server == call.server)
            && is(&self.verb, &call.verb)
            && is(&self.resource, &call.resource)
            && (is(&self.object, &call.object) || is(&self.object, name(&call.object)))
            && self.fits_group(call.group.as_deref())
            && self.slot.is_none_or(|slot| call.slot == Some(slot))
    }

    fn fits_group(&self, group: Option<&str>) -> bool {
        match (self.group.as_deref(), group) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wanted), Some(group)) => wanted == group || wanted == name(group),
        }
    }
}

/// The part after the namespace.
fn name(key: &str) -> &str {
    key.rsplit_once('/').map_or(key, |(_, name)| name)
}

fn one() -> u32 {
    1
}

fn all() -> u8 {
    100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_reads_as_it_was_written() {
        let text = r#"{ "seed": 7, "rules": [
            { "on": { "verb": "CloneVM_Task", "slot": 1 }, "nth": 2, "act": "lose-answer" },
            { "on": { "resource": "vmgroups" }, "act": { "watch": { "after": 2, "fate": "stall" } } },
            { "on": {}, "times": 0, "percent": 20, "act": { "delay": { "ms": 5, "up_to_ms": 9 } } },
            { "on": {}, "act": { "signal": { "send": "stop", "at": "before", "cont_after_ms": 9 } } },
            { "on": {}, "act": { "hold": { "until": { "verb": "update" } } } } ] }"#;
        let plan = Plan::parse(text).expect("a plan");
        assert_eq!(plan.rules[0].nth, 2);
        let again = serde_json::to_string(&plan).expect("JSON");
        assert_eq!(Plan::parse(&again).expect("a plan"), plan);
    }

    #[test]
    fn a_wrong_plan_says_where_and_why() {
        let wrong = |rule: &str| {
            let error = Plan::parse(&format!(r#"{{"rules":[{rule}]}}"#)).expect_err("no plan");
            let source = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error} {}", source.unwrap_or_default())
        };
        for (rule, words) in [
            (
                r#"{"on":{},"act":{"delay":{"ms":"x"}}}"#,
                "rules[0].act.delay.ms",
            ),
            (r#"{"on":{"verbs":"x"},"act":"refuse"}"#, "unknown field"),
            (r#"{"on":{},"act":"explode"}"#, "unknown variant"),
            (r#"{"on":{},"act":"refuse","nth":0}"#, "counts from 1"),
            (r#"{"on":{},"act":"refuse","percent":101}"#, "from 1 to 100"),
            (
                r#"{"on":{"server":"kubernetes"},"act":{"fault":{"type":"NotAuthenticated"}}}"#,
                "only happen to calls of vcenter",
            ),
            (
                r#"{"on":{},"act":{"answer":{"status":42}}}"#,
                "no HTTP status",
            ),
        ] {
            assert!(wrong(rule).contains(words), "{rule}: {}", wrong(rule));
        }
    }

    #[test]
    fn a_pattern_takes_names_with_and_without_their_namespace() {
        let call = Call {
            server: Server::Kubernetes,
            verb: "update".into(),
            resource: "vmgroups/status".into(),
            object: "shop/web".into(),
            group: Some("shop/web".into()),
            ..Call::default()
        };
        let object = |object: &str| Pattern {
            object: Some(object.into()),
            ..Pattern::default()
        };
        assert!(object("shop/web").fits(&call) && object("web").fits(&call));
        assert!(!object("shop").fits(&call) && !Pattern::verb("patch").fits(&call));
        let slot = Pattern {
            slot: Some(0),
            ..Pattern::default()
        };
        assert!(!slot.fits(&call));
    }
}
