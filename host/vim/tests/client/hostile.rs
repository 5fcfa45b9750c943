//! Answers that a broken or hostile server may send: each is an error, none is a panic.

use vmgroup_vim::{Certainty, Error, Limits, ManagedObjectRef, Unreadable};

use crate::server::{Reply, Server, envelope, returned};

async fn error_for(reply: Reply, limits: Limits) -> Error {
    let server = Server::start(vec![reply]).await;
    let vm = ManagedObjectRef::virtual_machine("vm-42");
    let error = server
        .client_with(limits)
        .power_off_vm(&vm, None)
        .await
        .expect_err("refused");
    // The server got the request: whatever it answers, the machine may be off.
    assert_eq!(error.certainty(), Certainty::Unknown, "{error:?}");
    error
}

async fn unreadable(body: impl Into<Vec<u8>>) -> Unreadable {
    match error_for(Reply::ok(body), Limits::default()).await {
        Error::Malformed { source, .. } => source,
        other => panic!("not malformed: {other:?}"),
    }
}

fn task() -> &'static str {
    r#"<returnval type="Task">task-1</returnval>"#
}

#[tokio::test]
async fn a_document_type_is_refused() {
    let good = returned("PowerOffVM_Task", task());
    for declaration in [
        "<!DOCTYPE x>",
        r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>"#,
        r#"<!DOCTYPE x SYSTEM "file:///etc/passwd">"#,
    ] {
        let body = good.replacen("?>", &format!("?>{declaration}"), 1);
        let why = unreadable(body).await;
        assert!(
            matches!(why, Unreadable::DocumentType),
            "{declaration}: {why:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_ends_early_is_refused_wherever_it_ends() {
    let good = returned("PowerOffVM_Task", task());
    let ends = (1..good.len()).step_by(7);
    let server = Server::start(ends.clone().map(|end| Reply::ok(&good[..end])).collect()).await;
    let client = server.client();
    let vm = ManagedObjectRef::virtual_machine("vm-42");
    for end in ends {
        let error = client.power_off_vm(&vm, None).await.expect_err("refused");
        let Error::Malformed { source: why, .. } = error else {
            panic!("{end}: {error:?}")
        };
        assert!(
            matches!(why, Unreadable::Xml(_) | Unreadable::Tokens(_)),
            "{end}: {why:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_no_answer_is_refused() {
    for body in [
        "<html><body>maintenance</body></html>".to_owned(),
        "<Envelope><Body/></Envelope>".to_owned(),
        envelope(""),
        returned("PowerOnVM_Task", task()),
        envelope(
            r#"<PowerOffVM_TaskResponse><returnval type="Task">t</returnval></PowerOffVM_TaskResponse>"#,
        ),
    ] {
        let why = unreadable(body.clone()).await;
        assert!(
            matches!(why, Unreadable::NotTheAnswer { .. }),
            "{body}: {why:?}"
        );
    }
    for body in ["", "maintenance", "{}"] {
        let why = unreadable(body).await;
        assert!(matches!(why, Unreadable::Xml(_)), "{body:?}: {why:?}");
    }
}

#[tokio::test]
async fn an_answer_without_its_value_or_with_another_one_is_refused() {
    let why = unreadable(returned("PowerOffVM_Task", "")).await;
    assert!(
        matches!(
            why,
            Unreadable::Missing {
                field: "returnval",
                ..
            }
        ),
        "{why:?}"
    );
    let why = unreadable(returned("PowerOffVM_Task", "<returnval>7</returnval>")).await;
    assert!(
        matches!(
            why,
            Unreadable::Unexpected {
                field: "returnval",
                ..
            }
        ),
        "{why:?}"
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let why = unreadable(vec![b'<', 0xff, 0xfe, b'>']).await;
    assert!(matches!(why, Unreadable::Xml(_)), "{why:?}");
}

#[tokio::test]
async fn deep_nesting_is_refused_before_it_can_cost_the_stack() {
    for depth in [201, 1_000_000] {
        let nested = format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        let why = unreadable(returned("PowerOffVM_Task", &nested)).await;
        assert!(
            matches!(why, Unreadable::TooDeep { limit: 200 }),
            "{depth}: {why:?}"
        );
    }
}

#[tokio::test]
async fn nesting_up_to_the_limit_is_read() {
    // Three levels of the envelope, and the one that is returned.
    let depth = Limits::default().depth_max - 4;
    let nested = format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let values = format!("<returnval>{nested}</returnval>");
    let why = unreadable(returned("PowerOffVM_Task", &values)).await;
    assert!(
        matches!(why, Unreadable::Unexpected { .. }),
        "read, but no reference: {why:?}"
    );
}

#[tokio::test]
async fn a_tag_with_endless_attributes_is_refused() {
    let attributes: String = (0..5_000).map(|i| format!(" a{i}=''")).collect();
    for tag in [format!("<a{attributes}></a>"), format!("<a{attributes}/>")] {
        let why = unreadable(returned("PowerOffVM_Task", &tag)).await;
        assert!(matches!(why, Unreadable::TagTooLong { .. }), "{why:?}");
    }
}

#[tokio::test]
async fn more_nodes_than_the_limit_are_refused() {
    let limits = Limits {
        nodes_max: 1_000,
        ..Limits::default()
    };
    let body = returned("PowerOffVM_Task", &"<a/>".repeat(1_001));
    let error = error_for(Reply::ok(body), limits).await;
    let Error::Malformed {
        source: Unreadable::Xml(why),
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert!(
        matches!(why, roxmltree::Error::NodesLimitReached),
        "{why:?}"
    );
}

#[tokio::test]
async fn an_answer_longer_than_the_limit_is_refused() {
    let limits = Limits {
        body_bytes_max: 10_000,
        ..Limits::default()
    };
    let body = returned("PowerOffVM_Task", &" ".repeat(20_000));
    for status in [200, 500] {
        let error = error_for(Reply::status(status, body.clone()), limits).await;
        assert!(
            matches!(
                error,
                Error::TooLarge {
                    limit_bytes: 10_000,
                    ..
                }
            ),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_small_answer_that_unpacks_to_a_long_one_is_refused() {
    // 30,000 spaces through `gzip -9n`.
    let body = include_bytes!("../golden/answers/spaces.gz").to_vec();
    assert!(body.len() < 200);
    let headers = vec!["Content-Encoding: gzip".to_owned()];
    let limits = Limits {
        body_bytes_max: 10_000,
        ..Limits::default()
    };
    let error = error_for(
        Reply::Answer {
            status: 200,
            headers,
            body,
        },
        limits,
    )
    .await;
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}
