//! The time zone that a group's settings name under `timeZone`, as the module
//! sees it. The rules of all zones are compiled in, so that every host, and
//! every repetition, sees the same.

use std::sync::LazyLock;

use jiff::tz::TimeZoneDatabase;

use crate::observation::Zone;
use crate::time::Timestamp;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Offset at `now`, and when it changes next. None if the settings name no zone,
/// or none that is known (<https://www.iana.org/time-zones>).
pub fn zone(settings: &str, now: Timestamp) -> Option<Zone> {
    let settings: serde_json::Value = serde_json::from_str(settings).ok()?;
    let zone = ZONES.get(settings.get("timeZone")?.as_str()?).ok()?;
    let now = jiff::Timestamp::from_millisecond(i64::try_from(now.0).ok()?).ok()?;
    let next = zone.following(now).next();
    let next = next.and_then(|next| u64::try_from(next.timestamp().as_millisecond()).ok());
    Some(Zone {
        offset_minutes: zone.to_offset(now).seconds() / 60,
        next_transition: next.map(Timestamp),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-01T00:00:00Z.
    const MARCH: Timestamp = Timestamp(1_772_323_200_000);

    #[test]
    fn a_zone_with_summer_time_says_when_it_begins() {
        let berlin = zone(r#"{"timeZone":"Europe/Berlin"}"#, MARCH);
        let expected = Zone {
            offset_minutes: 60,
            // 2026-03-29T01:00:00Z
            next_transition: Some(Timestamp(1_774_746_000_000)),
        };
        assert_eq!(berlin, Some(expected));
    }

    #[test]
    fn a_zone_without_summer_time_has_no_transition() {
        let kolkata = zone(r#"{"timeZone":"Asia/Kolkata"}"#, MARCH);
        let expected = Zone {
            offset_minutes: 330,
            next_transition: None,
        };
        assert_eq!(kolkata, Some(expected));
    }

    #[test]
    fn settings_without_a_known_zone_have_none() {
        for settings in [
            "{}",
            "",
            "[]",
            r#"{"timeZone":7}"#,
            r#"{"timeZone":"Mars/Olympus"}"#,
        ] {
            assert_eq!(zone(settings, MARCH), None, "{settings}");
        }
    }
}
