#!/bin/sh
# Package: mail-builder 2.0.1 (crates.io).
# Usual guess: a builder of MIME chooses for each text an encoding in which it may go by SMTP. A
#   carriage return that is no part of a line end, as in the progress bar of a cron job, is
#   neither 7bit nor 8bit text (RFC 2045 sections 2.7 and 2.8), so it comes out encoded.
# Behaviour: it looks at octets beyond ASCII and at the length of lines only. A short text with
#   such a CR is labelled 7bit and keeps it; servers with a defence against SMTP smuggling refuse
#   the mail. With one letter beyond ASCII or one long line the same CR is encoded.
# Seen: "7bit" with the bare CR, then an encoding without it for each of the other two.
# Exits 1 if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
mail-builder = { version = "=2.0.1", default-features = false }
TOML
cat > "$folder/src/main.rs" <<'RUST'
use mail_builder::MessageBuilder;

fn main() {
    let long = "x".repeat(1200) + "\r100%\n";
    for text in ["10%\r100%\n", "10%\r100% \u{e4}\n", &long] {
        let mail = MessageBuilder::new()
            .from("a@example.com")
            .to("b@example.com")
            .text_body(text)
            .write_to_string()
            .unwrap();
        let encoding = mail
            .lines()
            .find_map(|line| line.strip_prefix("Content-Transfer-Encoding: "));
        let bare = mail.replace("\r\n", "").contains('\r');
        println!("{}, bare CR: {bare}", encoding.unwrap_or("none"));
    }
}
RUST
seen=$(cargo run --quiet --manifest-path "$folder/Cargo.toml")
echo "$seen"
[ "$seen" = '7bit, bare CR: true
base64, bare CR: false
quoted-printable, bare CR: false' ]
