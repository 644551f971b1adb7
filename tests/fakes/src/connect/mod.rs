//! A 1Password Connect server for tests, on the server of `tests/fakes/src/fake_server/`: written from the public API
//! description (<https://developer.1password.com/docs/connect/api-reference>), checked once with the vendor's own
//! client (`tests/it/onepassword/connect_fake.rs`).
//!
//! Has: vaults and items by `filter` and by id, whole items, files and their contents; tokens that open some vaults.
//! Refuses everything that writes. A request's name is its path: `/v1/vaults/…`.

use serde_json::{Value, json};

use crate::fake_server::{self, Backend, Reply, Request};

/// A running Connect server. Stops when dropped.
pub type Fake = fake_server::Fake<Connect>;

/// The token that opens every vault.
pub const TOKEN: &str = "example-connect-token";

/// What there is.
#[derive(Default)]
pub struct Connect {
    vaults: Vec<Vault>,
    serial: u64,
}

struct Vault {
    id: String,
    name: String,
    /// Whether the token does not open it.
    closed: bool,
    items: Vec<Item>,
}

struct Item {
    id: String,
    title: String,
    fields: Vec<Value>,
    sections: Vec<Value>,
    files: Vec<(String, String, Vec<u8>)>,
}

impl Connect {
    /// An id as the service makes them: 26 of `[a-z0-9]`.
    fn id(&mut self) -> String {
        self.serial += 1;
        format!("{:026}", self.serial)
    }

    /// A vault. Says its id.
    pub fn vault(&mut self, name: &str) -> String {
        let id = self.id();
        self.vaults.push(Vault { id: id.clone(), name: name.to_owned(), closed: false, items: Vec::new() });
        id
    }

    /// The token no longer opens a vault.
    pub fn close(&mut self, name: &str) {
        self.found(name).closed = true;
    }

    /// An item of a vault. Says its id.
    pub fn item(&mut self, vault: &str, title: &str) -> String {
        let id = self.id();
        let (fields, sections, files) = (Vec::new(), Vec::new(), Vec::new());
        let item = Item { id: id.clone(), title: title.to_owned(), fields, sections, files };
        self.found(vault).items.push(item);
        id
    }

    /// A field of the last item of that title; in a section, where one is named.
    pub fn field(
        &mut self,
        vault: &str,
        title: &str,
        section: Option<&str>,
        label: &str,
        value: &str,
    ) -> String {
        let id = self.id();
        let (made, item) = (self.id(), self.last(vault, title));
        let mut field = json!({ "id": id, "type": "CONCEALED", "label": label, "value": value });
        if let Some(name) = section {
            let known = item.sections.iter().find(|section| section["label"] == name);
            let section = known.map_or(json!(made), |section| section["id"].clone());
            if known.is_none() {
                item.sections.push(json!({ "id": section, "label": name }));
            }
            field["section"] = json!({ "id": section });
        }
        item.fields.push(field);
        id
    }

    /// A field that was never filled in: it has no value.
    pub fn unfilled(&mut self, vault: &str, title: &str, label: &str) {
        let id = self.id();
        let field = json!({ "id": id, "type": "CONCEALED", "label": label });
        self.last(vault, title).fields.push(field);
    }

    /// A field that makes one-time passwords.
    pub fn one_time(&mut self, vault: &str, title: &str, label: &str, password: &str) {
        let id = self.id();
        let value = "otpauth://totp/example?secret=EXAMPLE";
        let field = json!({ "id": id, "type": "OTP", "label": label, "value": value, "totp": password });
        self.last(vault, title).fields.push(field);
    }

    /// A file of an item. Says its id.
    pub fn file(&mut self, vault: &str, title: &str, name: &str, content: &[u8]) -> String {
        let id = self.id();
        self.last(vault, title).files.push((id.clone(), name.to_owned(), content.to_vec()));
        id
    }

    fn found(&mut self, name: &str) -> &mut Vault {
        self.vaults.iter_mut().find(|vault| vault.name == name).expect("a vault that was made")
    }

    fn last(&mut self, vault: &str, title: &str) -> &mut Item {
        let items = &mut self.found(vault).items;
        items.iter_mut().rev().find(|item| item.title == title).expect("an item that was made")
    }

    fn read(&self, segments: &[&str], filter: Option<&str>) -> Reply {
        let [vault, rest @ ..] = segments else {
            let open = self.vaults.iter().filter(|vault| !vault.closed && matches(filter, &vault.name));
            return json_reply(&Value::Array(open.map(Vault::json).collect()));
        };
        let Some(vault) = self.vaults.iter().find(|known| known.id == *vault) else {
            return refuse(404, "Vault not found");
        };
        if vault.closed {
            return refuse(403, &format!("vault {} is not in scope", vault.id));
        }
        match rest {
            [] => json_reply(&vault.json()),
            ["items"] => {
                let items = vault.items.iter().filter(|item| matches(filter, &item.title));
                json_reply(&Value::Array(items.map(|item| item.summary(vault)).collect()))
            }
            ["items", item, rest @ ..] => match vault.items.iter().find(|known| known.id == *item) {
                None => refuse(404, "Item not found"),
                Some(item) => item.read(vault, rest),
            },
            _ => refuse(404, "Not found"),
        }
    }
}

impl Vault {
    fn json(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "items": self.items.len(), "type": "USER_CREATED" })
    }
}

impl Item {
    fn summary(&self, vault: &Vault) -> Value {
        json!({ "id": self.id, "title": self.title, "vault": { "id": vault.id }, "category": "LOGIN", "version": 1 })
    }

    fn read(&self, vault: &Vault, rest: &[&str]) -> Reply {
        let file = |(id, name, content): &(String, String, Vec<u8>)| {
            let path = format!("/v1/vaults/{}/items/{}/files/{id}/content", vault.id, self.id);
            json!({ "id": id, "name": name, "size": content.len(), "content_path": path })
        };
        match rest {
            [] => {
                let mut item = self.summary(vault);
                item["fields"] = Value::Array(self.fields.clone());
                item["sections"] = Value::Array(self.sections.clone());
                item["files"] = Value::Array(self.files.iter().map(file).collect());
                json_reply(&item)
            }
            ["files"] => json_reply(&Value::Array(self.files.iter().map(file).collect())),
            ["files", id, "content"] => match self.files.iter().find(|(known, ..)| known == id) {
                Some((_, _, content)) => Reply::new(200, "application/octet-stream", content.clone()),
                None => refuse(404, "File not found"),
            },
            _ => refuse(404, "Not found"),
        }
    }
}

/// Whether a name passes a filter such as `name eq "prod"`. SCIM compares without regard to case.
fn matches(filter: Option<&str>, name: &str) -> bool {
    let Some(filter) = filter else { return true };
    let wanted = filter.split_once(" eq ").map(|(_, wanted)| wanted.trim_matches('"'));
    wanted.is_some_and(|wanted| wanted.eq_ignore_ascii_case(name))
}

fn json_reply(value: &Value) -> Reply {
    Reply::new(200, "application/json", value.to_string())
}

fn refuse(status: u16, message: &str) -> Reply {
    let body = json!({ "status": status, "message": message });
    Reply::new(status, "application/json", body.to_string())
}

impl Backend for Connect {
    const HUGE: [&'static str; 2] =
        [r#"{"id":"","title":"","fields":[{"id":"f","label":"f","value":""#, r#""}]}"#];

    fn answer(&mut self, request: &Request) -> Reply {
        if request.path == "/health" || request.path == "/heartbeat" {
            return json_reply(&json!({ "name": "1Password Connect API", "version": "1.7.3" }));
        }
        if request.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return refuse(401, "Invalid token signature");
        }
        if request.method != "GET" {
            return refuse(400, "nothing is written here");
        }
        let segments: Vec<&str> = request.path.split('/').filter(|segment| !segment.is_empty()).collect();
        let pairs = request.pairs();
        match segments[..] {
            ["v1", "vaults", ref rest @ ..] => self.read(rest, pairs.get("filter").map(String::as_str)),
            _ => refuse(404, "Not found"),
        }
    }

    fn name(request: &Request) -> String {
        request.path.clone()
    }

    fn place(_: &Request) -> String {
        String::new()
    }

    fn failure(_: &Request, status: u16) -> Reply {
        refuse(status, "it went wrong")
    }
}
