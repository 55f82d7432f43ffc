//! X-14 to X-21: text of all languages, and limits against abuse.

use serde_json::json;
use usher_scim::schema::USER;

use crate::{
    case::{Case, Need::Filter, must, practice},
    probe::Probe,
    verdict::{Fallible, ensure},
};

/// Whether a userName is taken after `name` was made.
async fn clash(p: &mut Probe, name: &str, other: &str) -> Fallible<bool> {
    p.user_with(json!({"userName": name})).await?;
    let answer =
        p.post("/Users", json!({"schemas": [USER], "userName": other})).await?.one_of(&[201, 409])?;
    Ok(answer.status == 409)
}

pub(in crate::cases) const CASES: &[Case] = &[
    must(
        "X-14",
        "RFC 7644 §5, §7.8",
        "userName is compared as PRECIS says (width and case mapped, NFC) and shown as it was sent",
        |p| {
            Box::pin(async move {
                let stem = p.name("u");
                let wide = format!("{stem}-\u{ff42}\u{ff4f}\u{ff42}");
                let taken = clash(p, &wide, &format!("{stem}-bob")).await?;
                ensure(taken, "treat full-width letters as their plain ones in userName", "both were made")?;
                let found = p.query("/Users", &format!("userName eq \"{stem}-BOB\"")).await?.expect(200)?;
                found.has("/totalResults", 1)?.has("/Resources/0/userName", wide)?;
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
    practice(
        "X-15",
        "RFC 8265 §3",
        "ÅSA is åsa, é is e with an accent, ß is not ss; control characters and outer spaces are refused",
        |p| {
            Box::pin(async move {
                let stem = p.name("u");
                for (one, two, same) in [
                    ("\u{c5}SA", "\u{e5}sa", true),
                    ("caf\u{e9}", "cafe\u{301}", true),
                    ("stra\u{df}e", "strasse", false),
                ] {
                    let taken = clash(p, &format!("{stem}{one}"), &format!("{stem}{two}")).await?;
                    let how = if same { "the same" } else { "different" };
                    ensure(
                        taken == same,
                        format!("treat {one} and {two} as {how} in userName"),
                        format!("taken: {taken}"),
                    )?;
                }
                for bad in [format!(" {stem}"), format!("{stem} "), format!("{stem}\u{7}x")] {
                    let body = json!({"schemas": [USER], "userName": bad});
                    p.post("/Users", body).await?.refused(400, "invalidValue")?;
                }
                Ok(())
            })
        },
    ),
    practice(
        "X-16",
        "RFC 7643 §7",
        "Texts compare by Unicode's case folding, not by ASCII's and not by anybody's locale",
        |p| {
            Box::pin(async move {
                let stem = p.name("t");
                let id = p.user_with(json!({"title": format!("{stem} \u{c4}\u{3a3} TITLE")})).await?.id()?;
                for (text, found) in [
                    (format!("{stem} \u{e4}\u{3c3} title"), true),
                    (format!("{stem} \u{e4}\u{3c2} title"), true),
                    (format!("{stem} \u{c4}\u{3a3} T\u{131}TLE"), false),
                ] {
                    let expected: Vec<&String> = if found { vec![&id] } else { Vec::new() };
                    p.finds("/Users", &format!("title eq \"{text}\""), &expected).await?;
                }
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
    must(
        "X-17",
        "RFC 7644 §3.8",
        "Text of every language comes back byte for byte, and is found by filters",
        |p| {
            Box::pin(async move {
                let stem = p.name("t");
                for text in [
                    "\u{1f469}\u{200d}\u{1f4bb}",
                    "\u{6f22}\u{5b57}",
                    "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
                    "e\u{301}",
                ] {
                    let title = format!("{stem} {text}");
                    let user = p.user_with(json!({"title": title})).await?;
                    user.has("/title", title.as_str())?;
                    p.finds("/Users", &format!("title eq \"{title}\""), &[&user.id()?]).await?;
                }
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
    practice("X-18", "RFC 7643 §2.3.1", "A text with U+0000 is refused", |p| {
        Box::pin(async move {
            for (name, title) in [("a\u{0}b", "T"), ("", "T\u{0}")] {
                let name = format!("{}{name}", p.name("user"));
                let body = json!({"schemas": [USER], "userName": name, "title": title});
                p.post("/Users", body).await?.refused(400, "invalidValue")?;
            }
            Ok(())
        })
    }),
    practice(
        "X-19",
        "RFC 7644 §3.7.4",
        "Bodies too deep, too long or odd are refused cleanly or do no harm",
        |p| {
            Box::pin(async move {
                let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
                p.send("POST", "/Users", &[], deep).await?.one_of(&[400, 413])?.an_error()?;
                let name = p.name("user");
                let odd = format!(
                    r#"{{"schemas":["{USER}"],"userName":"{name}","__proto__":{{"active":false}},"constructor":{{}}}}"#
                );
                let made = p.send("POST", "/Users", &[], odd).await?.one_of(&[201, 400])?;
                if made.status == 201 {
                    made.lacks("/__proto__")?;
                    made.ensure(made.at("/active") != false, "give no meaning to odd keys")?;
                }
                let long = json!({"schemas": [USER], "userName": p.name("u"), "x".repeat(100_000): 1});
                p.post("/Users", long).await?.one_of(&[201, 400, 413])?;
                p.get("/Users?count=1").await?.ids()?;
                Ok(())
            })
        },
    ),
    practice(
        "X-20",
        "RFC 7644 §3.4.2.1",
        "A query that would cost too much is refused, and the server goes on",
        |p| {
            Box::pin(async move {
                let deep = format!("{}title pr{}", "(".repeat(500), ")".repeat(500));
                p.query("/Users", &deep).await?.refused_as(400, &["invalidFilter", "tooMany"])?;
                let many = vec!["title eq \"a\""; 300].join(" or ");
                p.query("/Users", &many).await?.one_of(&[400, 414, 431])?;
                p.get("/Users?count=1").await?.ids()?;
                Ok(())
            })
        },
    )
    .needs(&[Filter]),
    practice(
        "X-21",
        "RFC 7644 §3.4.2.2",
        "Percent, underscore, backslash and quote mean themselves in filters",
        |p| {
            Box::pin(async move {
                let stem = p.name("t");
                let odd = p.user_with(json!({"title": format!("{stem}-50%_o'f\\f")})).await?.id()?;
                let plain = p.user_with(json!({"title": format!("{stem}-50xyo'f/f")})).await?.id()?;
                let mine = format!("title sw \"{stem}\"");
                p.finds("/Users", &mine, &[&odd, &plain]).await?;
                for (text, found) in
                    [("50%_", &odd), ("0%", &odd), ("_o", &odd), ("f\\\\f", &odd), ("50xy", &plain)]
                {
                    p.finds("/Users", &format!("{mine} and title co \"{text}\""), &[found]).await?;
                }
                p.finds("/Users", &format!("{mine} and title co \"o'f\""), &[&odd, &plain]).await?;
                p.finds("/Users", "title eq \"' or 1=1 --\"", &[]).await
            })
        },
    )
    .needs(&[Filter]),
];
