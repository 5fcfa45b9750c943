//! The page about the objects, written from their schemas: what an API server
//! knows of a field, a person finds there.

use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

const HEAD: &str = "\
# VmGroup and PlanApproval

Every field of the objects that people write, and of what the operator answers. Made from the
schemas in [crds/](../../crds/vmgroups.yaml) by `BLESS=1 cargo test -p vmgroup-api`; `kubectl explain
vg.spec` says the same of the cluster's own. A file with every field, to copy from, is
[every-field.yaml](../../crds/samples/valid/every-field.yaml).

A field that is left out has its default. One that does not exist is refused by `kubectl apply`, so
that a misspelt one is not taken for its default.
";

/// The whole page, in Markdown, about these CRDs.
pub fn reference(crds: &[CustomResourceDefinition]) -> String {
    let mut page = HEAD.to_owned();
    for crd in crds {
        page += &object(crd);
    }
    page
}

fn object(crd: &CustomResourceDefinition) -> String {
    let names = &crd.spec.names;
    let mut text = format!("\n## {}\n", names.kind);
    let Some(version) = crd.spec.versions.first() else {
        return text;
    };
    let schema = version.schema.as_ref();
    let Some(root) = schema.and_then(|schema| schema.open_api_v3_schema.as_ref()) else {
        return text;
    };
    let mut head = vec![
        format!("API version `{}/{}`", crd.spec.group, version.name),
        crd.spec.scope.to_lowercase(),
    ];
    for short in names.short_names.iter().flatten() {
        head.push(format!("short name `{short}`"));
    }
    let columns = version.additional_printer_columns.iter().flatten();
    let columns: Vec<String> = columns
        .map(|column| {
            let path = column.json_path.trim_start_matches('.');
            format!("{} (`{path}`)", column.name)
        })
        .collect();
    let _ = write!(
        text,
        "\n{}\n\n{}.\n\nColumns of `kubectl get {}`: {}.\n",
        described(root),
        head.join(", "),
        names.plural,
        columns.join(", ")
    );
    let part = |name: &str| root.properties.as_ref().and_then(|parts| parts.get(name));
    text += &part("spec").map(spec).unwrap_or_default();
    text += &part("status").map(status).unwrap_or_default();
    text
}

fn spec(schema: &JSONSchemaProps) -> String {
    let mut text =
        "\n### Spec\n\n| field | type | default | limits | |\n|---|---|---|---|---|\n".to_owned();
    let mut rules = Vec::new();
    for field in fields(schema, "spec") {
        let Field {
            path,
            schema,
            required,
        } = &field;
        let required = if *required { ", required" } else { "" };
        let _ = writeln!(
            text,
            "| `{path}` | {}{required} | {} | {} | {} |",
            kind(schema),
            default(schema),
            limits(schema),
            described(schema)
        );
        rules.extend(messages(schema).map(|message| (path.clone(), message)));
    }
    rules.extend(messages(schema).map(|message| ("spec".to_owned(), message)));
    if !rules.is_empty() {
        text += "\nBeyond these limits an API server refuses, in these words:\n\n\
                 | about | message |\n|---|---|\n";
    }
    for (path, message) in rules {
        let _ = writeln!(text, "| `{path}` | {message} |");
    }
    text
}

fn status(schema: &JSONSchemaProps) -> String {
    let mut text = "\n### Status\n\nThe operator alone writes it, and always the whole of it.\n\n\
                    | field | type | |\n|---|---|---|\n"
        .to_owned();
    for Field { path, schema, .. } in fields(schema, "status") {
        let (kind, described) = (kind(schema), described(schema));
        let _ = writeln!(text, "| `{path}` | {kind} | {described} |");
    }
    text
}

struct Field<'a> {
    path: String,
    schema: &'a JSONSchemaProps,
    required: bool,
}

/// All fields below one, those that are required first; a field stands before
/// what is inside it.
fn fields<'a>(schema: &'a JSONSchemaProps, path: &str) -> Vec<Field<'a>> {
    let mut found = Vec::new();
    let mut add = |path: String, schema: &'a JSONSchemaProps, required: bool| {
        let inside = fields(schema, &path);
        found.push(Field {
            path,
            schema,
            required,
        });
        found.extend(inside);
    };
    let is_required = |name: &String| schema.required.iter().flatten().any(|it| it == name);
    let inside = || schema.properties.iter().flatten();
    for (name, field) in inside().filter(|(name, _)| is_required(name)) {
        add(format!("{path}.{name}"), field, true);
    }
    for (name, field) in inside().filter(|(name, _)| !is_required(name)) {
        add(format!("{path}.{name}"), field, false);
    }
    // An entry that is a plain text is told with its list, unless it has limits of its own.
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) if item.properties.is_some() => {
            found.extend(fields(item, &format!("{path}[]")));
        }
        Some(JSONSchemaPropsOrArray::Schema(item)) if item.x_kubernetes_validations.is_some() => {
            found.push(Field {
                path: format!("{path}[]"),
                schema: item,
                required: false,
            });
        }
        _ => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
        found.extend(fields(values, &format!("{path}.*")));
    }
    found
}

fn kind(schema: &JSONSchemaProps) -> String {
    if let Some(values) = &schema.enum_ {
        let values: Vec<String> = values.iter().map(|value| shown(&value.0)).collect();
        return values.join(", ");
    }
    if schema.x_kubernetes_int_or_string == Some(true) {
        return "integer or text".to_owned();
    }
    let one = |schema: &JSONSchemaProps| match schema.type_.as_deref() {
        Some("string") if schema.format.as_deref() == Some("date-time") => "time, RFC 3339",
        Some("string") => "text",
        Some("array") => "list",
        Some("object") if schema.x_kubernetes_preserve_unknown_fields == Some(true) => "any object",
        Some("object") if schema.additional_properties.is_some() => "map",
        Some("boolean") => "true or false",
        Some("integer") => "integer",
        _ => "object",
    };
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => format!("list of {}s", one(item)),
        _ => one(schema).to_owned(),
    }
}

/// The default of a value. Of an object, the fields inside tell theirs.
fn default(schema: &JSONSchemaProps) -> String {
    let default = schema.default.as_ref().map(|default| &default.0);
    default
        .filter(|default| !default.is_object())
        .map(shown)
        .unwrap_or_default()
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

fn limits(schema: &JSONSchemaProps) -> String {
    let whole = |number: Option<f64>| number.map(|number| grouped(number as i64));
    let counted = |number: Option<i64>| number.map(grouped);
    let entries = schema.max_items.or(schema.max_properties);
    let least = schema.min_items.or(schema.min_properties);
    let mut limits: Vec<String> = [
        range(whole(schema.minimum), whole(schema.maximum), ""),
        range(
            counted(schema.min_length),
            counted(schema.max_length),
            " characters",
        ),
        range(counted(least), counted(entries), " entries"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if schema.x_kubernetes_list_type.as_deref() == Some("set") {
        limits.push("no two alike".to_owned());
    }
    limits.join(", ")
}

fn range(least: Option<String>, most: Option<String>, unit: &str) -> Option<String> {
    match (least, most) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (None, None) => None,
    }
}

/// The number with a comma between thousands.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn messages(schema: &JSONSchemaProps) -> impl Iterator<Item = String> {
    let rules = schema.x_kubernetes_validations.iter().flatten();
    rules.map(|rule| in_cell(rule.message.as_ref().unwrap_or(&rule.rule)))
}

fn described(schema: &JSONSchemaProps) -> String {
    in_cell(schema.description.as_deref().unwrap_or_default())
}

/// On one line, and without what would end the cell of a table.
fn in_cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|").replace('<', "\\<")
}
