//! A module that is rewritten word by word, and put together again: of mutated binaries nearly all
//! fail at the first length, of these a good part runs.

/// Stands in front of a recipe; anything else is an upload as it is.
pub(crate) const RECIPE: &[u8] = b"recipe:";

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "4",
    "255",
    "4096",
    "65535",
    "65536",
    "2147483647",
    "-2147483648",
];
const INSTRUCTIONS: &[&str] = &[
    "i32.add",
    "i32.sub",
    "i32.mul",
    "i32.div_u",
    "i32.rem_s",
    "i32.and",
    "i32.shl",
    "i32.ge_u",
    "i32.eqz",
    "i32.load",
    "i32.load8_u",
    "i32.store",
    "local.get",
    "local.set",
    "local.tee",
    "global.get",
    "memory.size",
    "memory.grow",
    "i64.extend_i32_u",
];
const TYPES: &[&str] = &["i32", "i64", "f32", "funcref"];

/// The text as the recipe rewrites it: each three bytes are a place, and what becomes of the word
/// there.
pub(crate) fn rewrite(text: &str, recipe: &[u8]) -> String {
    let mut words: Vec<String> = words(text);
    for step in recipe.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([step[0], step[1]])) % words.len().max(1);
        rewrite_at(&mut words, place, usize::from(step[2]));
    }
    words.join(" ")
}

fn rewrite_at(words: &mut Vec<String>, place: usize, choice: usize) {
    let Some(word) = words.get(place) else { return };
    let one_of = |list: &[&str]| list[choice % list.len()].to_owned();
    let new = if word == "(" {
        let end = group_end(words, place);
        if choice.is_multiple_of(2) {
            words.drain(place..end);
        } else {
            let group = words[place..end].to_vec();
            words.splice(end..end, group);
        }
        return;
    } else if word.parse::<i64>().is_ok() {
        one_of(NUMBERS)
    } else if word.starts_with('$') {
        let names: Vec<&String> = words.iter().filter(|it| it.starts_with('$')).collect();
        names[choice % names.len()].clone()
    } else if TYPES.contains(&word.as_str()) {
        one_of(TYPES)
    } else if word.contains('.') && !word.starts_with('"') {
        one_of(INSTRUCTIONS)
    } else {
        return;
    };
    words[place] = new;
}

/// Behind the parenthesis that closes the one at that place.
fn group_end(words: &[String], place: usize) -> usize {
    let mut depth = 0;
    for (at, word) in words.iter().enumerate().skip(place) {
        match word.as_str() {
            "(" => depth += 1,
            ")" if depth == 1 => return at + 1,
            ")" => depth -= 1,
            _ => {}
        }
    }
    words.len()
}

/// Parentheses, strings, and what stands between them.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted) = (String::new(), false);
    for character in text.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.push('"');
            }
            _ if quoted => word.push(character),
            '(' | ')' => {
                words.push(std::mem::take(&mut word));
                words.push(character.into());
            }
            _ if character.is_whitespace() => words.push(std::mem::take(&mut word)),
            _ => word.push(character),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_replaced_by_their_like_and_groups_go_or_come_twice() {
        let text = "(func $a (i32.const 7) (data \"(\"))";
        let table: [(&[u8], &str); 5] = [
            (&[], "( func $a ( i32.const 7 ) ( data \"(\" ) )"),
            (&[5, 0, 2], "( func $a ( i32.const -1 ) ( data \"(\" ) )"),
            (&[4, 0, 1], "( func $a ( i32.sub 7 ) ( data \"(\" ) )"),
            (&[3, 0, 0], "( func $a ( data \"(\" ) )"),
            (
                &[7, 0, 1],
                "( func $a ( i32.const 7 ) ( data \"(\" ) ( data \"(\" ) )",
            ),
        ];
        for (recipe, wanted) in table {
            assert_eq!(rewrite(text, recipe), wanted);
        }
    }
}
