//! What is known of images: kz's own, and the uids that vendors' images read their files as.
//!
//! Only what is certain is here. The official postgres and mysql images are not: their entrypoints read `*_FILE`
//! variables while they are still root, which reads every file, before they become uid 999.

use super::image_name::{last_segment, repository, repository_of};
use super::scene::{CommandLine, Unit, User};
use super::text::Text;

/// The uid that kz's image runs as (docker/Dockerfile).
pub(super) const KZ_UID: u32 = 65532;

/// Where kz's image works, and so looks for its configuration.
pub(super) const KZ_DIRECTORY: &str = "/app";

/// Where kz is in its image.
pub(super) const KZ_PROGRAM: &str = "/usr/local/bin/kz";

/// The directories of kz's image that uid 65532 may write, whose mode an empty volume takes over.
pub(super) const KZ_WRITABLE: &[&str] = &["/secrets", "/tmp", "/home/nonroot"];

/// How an image comes to its uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// By `USER`: whatever it runs.
    User,
    /// Its entrypoint becomes it before anything is read, when the command begins with this.
    Drops(&'static str),
}

/// A vendor's image.
#[derive(Clone, Copy, Debug)]
struct Vendor {
    /// Its repository, without `docker.io/` and `library/`.
    name: &'static str,
    uid: u32,
    how: How,
}

/// Each with the file that says so.
static VENDORS: &[Vendor] = &[
    // grafana/grafana, Dockerfile: ARG GF_UID="472", USER "$GF_UID"
    Vendor { name: "grafana/grafana", uid: 472, how: How::User },
    // prometheus/prometheus, Dockerfile: USER nobody, on busybox, where that is 65534
    Vendor { name: "prom/prometheus", uid: 65534, how: How::User },
    // nginx/docker-nginx-unprivileged, Dockerfile: ARG UID=101, USER $UID
    Vendor { name: "nginxinc/nginx-unprivileged", uid: 101, how: How::User },
    // jenkinsci/docker, Dockerfile: ARG uid=1000, USER ${user}
    Vendor { name: "jenkins/jenkins", uid: 1000, how: How::User },
    // docker-library/redis, Dockerfile: useradd --uid 999; docker-entrypoint.sh drops to it for redis-server
    Vendor { name: "redis", uid: 999, how: How::Drops("redis-server") },
    // docker-library/mongo, Dockerfile: useradd --uid 999; docker-entrypoint.sh drops to it for mongo*
    Vendor { name: "mongo", uid: 999, how: How::Drops("mongo") },
    // docker-library/wordpress: wp-config-docker.php reads the files whenever a page is asked for, as Apache's www-data
    Vendor { name: "wordpress", uid: 33, how: How::Drops("apache2-foreground") },
];

/// docker-library's images whose docker-entrypoint.sh takes `file_env` while it is still root, and the servers for which it
/// does.
const READ_AS_ROOT: &[(&str, &str)] =
    &[("postgres", "postgres"), ("mysql", "mysqld"), ("mariadb", "mariadbd")];

/// The users of docker-library's images by their names, and their uids, on Debian and on Alpine.
const NAMED: &[(&str, &str, u32, u32)] = &[
    // docker-library/postgres: useradd --uid=999; of alpine adduser -u 70
    ("postgres", "postgres", 999, 70),
    // docker-library/mysql and MariaDB/mariadb-docker: useradd --uid 999
    ("mysql", "mysql", 999, 999),
    ("mariadb", "mysql", 999, 999),
    // docker-library/mongo: useradd --uid 999
    ("mongo", "mongodb", 999, 999),
    // docker-library/redis: useradd --uid 999; of alpine adduser -u 999
    ("redis", "redis", 999, 999),
    // nginx/docker-nginx: useradd --uid 101; of alpine adduser -u 101
    ("nginx", "nginx", 101, 101),
    // nodejs/docker-node: useradd --uid 1000; of alpine adduser -u 1000
    ("node", "node", 1000, 1000),
    // Debian's base-passwd; of alpine adduser -u 82
    ("wordpress", "www-data", 33, 82),
    ("httpd", "www-data", 33, 82),
    ("php", "www-data", 33, 82),
];

/// docker-library's images that are root whatever they run, but for the server that their entrypoint makes another one.
const STARTS_AS_ROOT: &[&str] = &[
    "postgres",
    "mysql",
    "mariadb",
    "mongo",
    "redis",
    "wordpress",
    "nginx",
    "httpd",
    "php",
    "node",
    "python",
    "golang",
    "ruby",
    "alpine",
    "debian",
    "ubuntu",
    "busybox",
];

/// What an image makes of variables that end in `_FILE`.
#[derive(Clone, Copy, Debug)]
enum Files {
    /// It reads these. Where the list is complete, it reads no other that begins as one of the prefixes.
    Reads { names: &'static [&'static str], only: &'static [&'static str] },
    /// It reads every `NAME__FILE` of this beginning, with two lines, and none with one.
    Doubled(&'static str),
    /// It reads none of these beginnings.
    None(&'static [&'static str]),
}

/// What a vendor says of its image.
#[derive(Clone, Copy, Debug)]
struct Habits {
    names: &'static [&'static str],
    files: Files,
    /// Its ENTRYPOINT and its CMD.
    start: Option<(&'static str, &'static str)>,
}

/// Each with what says so.
static HABITS: &[Habits] = &[
    // docker-library/postgres, docker-entrypoint.sh: file_env; the others are built from it
    Habits {
        names: &["postgres", "postgis/postgis", "pgvector/pgvector"],
        files: Files::Reads {
            names: &["POSTGRES_PASSWORD", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_INITDB_ARGS"],
            only: &["POSTGRES_"],
        },
        start: Some(("docker-entrypoint.sh", "postgres")),
    },
    // docker-library/mysql, docker-entrypoint.sh: file_env
    Habits {
        names: &["mysql"],
        files: Files::Reads {
            names: &[
                "MYSQL_ROOT_PASSWORD",
                "MYSQL_ROOT_HOST",
                "MYSQL_DATABASE",
                "MYSQL_USER",
                "MYSQL_PASSWORD",
            ],
            only: &["MYSQL_"],
        },
        start: Some(("docker-entrypoint.sh", "mysqld")),
    },
    // MariaDB/mariadb-docker, docker-entrypoint.sh: file_env; newer versions know more
    Habits {
        names: &["mariadb"],
        files: Files::Reads {
            names: &[
                "MARIADB_ROOT_PASSWORD",
                "MARIADB_ROOT_HOST",
                "MARIADB_DATABASE",
                "MARIADB_USER",
                "MARIADB_PASSWORD",
                "MYSQL_ROOT_PASSWORD",
                "MYSQL_ROOT_HOST",
                "MYSQL_DATABASE",
                "MYSQL_USER",
                "MYSQL_PASSWORD",
            ],
            only: &[],
        },
        start: Some(("docker-entrypoint.sh", "mariadbd")),
    },
    // docker-library/mongo, docker-entrypoint.sh: file_env for these two alone
    Habits {
        names: &["mongo"],
        files: Files::Reads {
            names: &["MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD"],
            only: &["MONGO_INITDB_"],
        },
        start: Some(("docker-entrypoint.sh", "mongod")),
    },
    // docker-library/wordpress, wp-config-docker.php: getenv_docker
    Habits {
        names: &["wordpress"],
        files: Files::Reads {
            names: &["WORDPRESS_DB_HOST", "WORDPRESS_DB_USER", "WORDPRESS_DB_PASSWORD", "WORDPRESS_DB_NAME"],
            only: &[],
        },
        start: Some(("docker-entrypoint.sh", "apache2-foreground")),
    },
    // docker-library/redis and valkey-io/valkey-container: their entrypoints read no variable of this kind
    Habits {
        names: &["redis"],
        files: Files::None(&["REDIS_"]),
        start: Some(("docker-entrypoint.sh", "redis-server")),
    },
    Habits {
        names: &["valkey/valkey"],
        files: Files::None(&["VALKEY_", "REDIS_"]),
        start: Some(("docker-entrypoint.sh", "valkey-server")),
    },
    // docker-library/rabbitmq, pull request 467: since 3.9 no variable of the image's own, and none of these
    Habits {
        names: &["rabbitmq"],
        files: Files::None(&["RABBITMQ_DEFAULT_", "RABBITMQ_ERLANG_COOKIE"]),
        start: Some(("docker-entrypoint.sh", "rabbitmq-server")),
    },
    // Grafana's documentation, "Configure a Grafana Docker image": GF_<SECTION>_<KEY>__FILE
    Habits {
        names: &["grafana/grafana", "grafana/grafana-oss", "grafana/grafana-enterprise"],
        files: Files::Doubled("GF_"),
        start: Some(("/run.sh", "")),
    },
    // minio/minio, dockerscripts/docker-entrypoint.sh: docker_secrets_env and its older and KMS siblings; minio/docs, root
    // credentials. Where both are given the file counts, and where there is no such file nothing is said.
    Habits {
        names: &["minio/minio", "quay.io/minio/minio"],
        files: Files::Reads {
            names: &[
                "MINIO_ROOT_USER",
                "MINIO_ROOT_PASSWORD",
                "MINIO_ACCESS_KEY",
                "MINIO_SECRET_KEY",
                "MINIO_KMS_SECRET_KEY",
            ],
            only: &[],
        },
        start: Some(("/usr/bin/docker-entrypoint.sh", "minio")),
    },
    // keycloak/keycloak, issue 10816: no option is read from a file that a variable names
    Habits {
        names: &["quay.io/keycloak/keycloak", "keycloak/keycloak"],
        files: Files::None(&["KC_DB_PASSWORD", "KC_DB_USERNAME", "KC_BOOTSTRAP_ADMIN_", "KEYCLOAK_ADMIN"]),
        start: Some(("/opt/keycloak/bin/kc.sh", "")),
    },
];

/// How a unit's image takes a variable's value from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileForm {
    /// By this variable.
    Known(String),
    /// In no way.
    None,
    /// Not to be told.
    Unknown,
}

/// How a unit's image takes the value of `name` from a file, when its own entrypoint runs.
pub(super) fn file_form(unit: &Unit, name: &str) -> FileForm {
    if unit.entrypoint.is_some() { FileForm::Unknown } else { form_of(unit, name) }
}

/// The same where something of the unit's own comes first, and then names the image's entrypoint.
pub(super) fn file_form_behind(unit: &Unit, name: &str) -> FileForm {
    let starts = |(start, _): (&str, _)| unit.argv().iter().any(|word| word.value.contains(start));
    match unit.entrypoint {
        None => form_of(unit, name),
        Some(_) if start(unit).is_some_and(starts) => form_of(unit, name),
        Some(_) => FileForm::Unknown,
    }
}

fn form_of(unit: &Unit, name: &str) -> FileForm {
    let Some(habits) = habits(unit) else { return FileForm::Unknown };
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    match habits.files {
        Files::Reads { names, .. } if names.contains(&name) => FileForm::Known(format!("{name}_FILE")),
        Files::Reads { only, .. } if begins(only) => FileForm::None,
        Files::Doubled(prefix) if name.starts_with(prefix) => FileForm::Known(format!("{name}__FILE")),
        Files::None(prefixes) if begins(prefixes) && !is_before_3_9(unit) => FileForm::None,
        _ => FileForm::Unknown,
    }
}

/// Whether a unit's image ends when both `NAME` and its file are given. `WordPress` and `MinIO` take the file.
pub(super) fn refuses_both(unit: &Unit) -> bool {
    habits(unit).is_some_and(|habits| !habits.names.contains(&"wordpress") && !is_minio(habits))
}

/// Whether a unit's image goes on with its own values where the file that a variable names is not there.
pub(super) fn does_without(unit: &Unit) -> bool {
    habits(unit).is_some_and(is_minio)
}

fn is_minio(habits: &Habits) -> bool {
    habits.names.contains(&"minio/minio")
}

/// Whether it is a Vault, or what is compatible with it.
pub(super) fn is_vault(unit: &Unit) -> bool {
    let images = ["hashicorp/vault", "vault", "openbao/openbao", "quay.io/openbao/openbao"];
    unit.image.as_ref().and_then(repository).is_some_and(|name| images.contains(&name))
}

/// Whether it is a `RabbitMQ` of docker-library's.
pub(super) fn is_rabbitmq(unit: &Unit) -> bool {
    habits(unit).is_some_and(|habits| habits.names == ["rabbitmq"])
}

/// The variable that a unit's image reads from a file and that is most like `name`.
pub(super) fn nearest(unit: &Unit, name: &str) -> Option<&'static str> {
    let Files::Reads { names, .. } = habits(unit)?.files else { return None };
    let distances = names.iter().map(|known| (strsim::damerau_levenshtein(known, name), *known));
    distances.filter(|(distance, _)| *distance <= 3).min().map(|(_, known)| known)
}

/// What an image's own entrypoint and command are called; an image may have no command.
pub(super) fn start(unit: &Unit) -> Option<(&'static str, &'static str)> {
    habits(unit).and_then(|habits| habits.start)
}

/// Whether its server takes from variables what it takes from no file.
pub(super) fn takes_variables(unit: &Unit) -> bool {
    habits(unit).is_some_and(|habits| !matches!(habits.names, ["redis" | "valkey/valkey", ..]))
}

fn habits(unit: &Unit) -> Option<&'static Habits> {
    let name = unit.image.as_ref().filter(|_| !unit.is_built).and_then(repository)?;
    HABITS.iter().find(|habits| habits.names.contains(&name))
}

/// Whether it is, or may be, a `RabbitMQ` that still had such variables.
fn is_before_3_9(unit: &Unit) -> bool {
    let image = unit.image.as_ref();
    let may_be = image.is_some_and(|image| image.is_open) && is_rabbitmq(unit);
    let tag = image.and_then(Text::known).and_then(|image| image.strip_prefix("rabbitmq:3."));
    may_be
        || tag
            .and_then(|rest| rest.split(['.', '-']).next()?.parse::<u32>().ok())
            .is_some_and(|minor| minor < 9)
}

/// Whether this is kz's own image, and not one built from it here.
pub(super) fn is_kz(unit: &Unit) -> bool {
    let is_named_so = |image: &Text| match repository(image) {
        Some(repository) => is_kzs(repository),
        None => last_segment(image) == Some("kz"),
    };
    !unit.is_built && unit.image.as_ref().is_some_and(is_named_so)
}

/// Whether a reference names kz's own image.
pub(super) fn is_kz_reference(reference: &str) -> bool {
    is_kzs(repository_of(reference))
}

fn is_kzs(repository: &str) -> bool {
    repository == "kz" || repository.ends_with("/kz")
}

/// Whether a unit's image starts as root and reads the files that its variables name before it becomes anybody else.
pub(super) fn reads_as_root(unit: &Unit) -> bool {
    let name =
        unit.image.as_ref().filter(|_| !unit.is_built && unit.entrypoint.is_none()).and_then(repository);
    let known = READ_AS_ROOT.iter().find(|(known, _)| name == Some(known));
    unit.user == User::Image && known.is_some_and(|(_, server)| begins(unit.command.as_ref(), server))
}

/// The uid of a user whom an image knows by name.
pub(super) fn uid_named(image: &Text, name: &str) -> Option<u32> {
    let repository = repository(image).filter(|_| !image.is_open)?;
    let is_alpine = image.known().is_some_and(|image| image.contains("alpine"));
    let (.., debian, alpine) =
        NAMED.iter().find(|(known, user, ..)| *known == repository && *user == name)?;
    Some(if is_alpine { *alpine } else { *debian })
}

/// Whether a unit reads files as root: it says so, or its image is root and neither becomes another one first nor is told to.
pub(super) fn is_root(unit: &Unit) -> bool {
    const CHANGERS: [&str; 5] = ["gosu", "su-exec", "setpriv", "runuser", "su "];
    if unit.user != User::Image || unit.refuses_root || unit.is_partial {
        return matches!(unit.user, User::Id(0, _));
    }
    let name = unit.image.as_ref().filter(|_| !unit.is_built).and_then(repository);
    let is_known = name.is_some_and(|name| STARTS_AS_ROOT.contains(&name));
    let is_server = unit.entrypoint.is_none()
        && start(unit).is_some_and(|(_, server)| begins(unit.command.as_ref(), server));
    let changes = || unit.argv().iter().any(|word| CHANGERS.iter().any(|name| word.value.contains(name)));
    is_known && if is_server { reads_as_root(unit) } else { !changes() }
}

/// Whether a unit's image is a vendor's that certainly has no kz.
pub(super) fn is_vendors(unit: &Unit) -> bool {
    let name = unit.image.as_ref().filter(|_| !unit.is_built && !unit.is_partial).and_then(repository);
    name.is_some_and(|name| STARTS_AS_ROOT.contains(&name)) || habits(unit).is_some_and(|_| !unit.is_partial)
}

/// Whether a variable is a password that a unit's image sets or shows, whatever its value is: a placeholder too.
pub(super) fn is_password(unit: &Unit, name: &str) -> bool {
    let is_named_so = ["PASSWORD", "PASS"].iter().any(|end| name.ends_with(end));
    let is_known = match habits(unit).map(|habits| habits.files) {
        Some(Files::Reads { names, .. }) => names.contains(&name),
        Some(Files::Doubled(prefix)) => name.starts_with(prefix),
        Some(Files::None(prefixes)) => prefixes.iter().any(|prefix| name.starts_with(prefix)),
        None => false,
    };
    is_named_so && is_known
}

/// The uid that a unit's image becomes after it has started as root, which its `USER` says whatever it runs: the kubelet
/// looks at that alone.
pub(super) fn starts_as_root(unit: &Unit) -> Option<u32> {
    let image = unit.image.as_ref().filter(|_| !unit.is_built && unit.user == User::Image)?;
    // A tag that is filled in may be of another base, with another uid.
    let name = repository(image).filter(|_| !image.is_open)?;
    let drops = |vendor: &&Vendor| vendor.name == name && matches!(vendor.how, How::Drops(_));
    let of_library = || {
        let is_alpine = image.known().is_some_and(|image| image.contains("alpine"));
        // docker-library/postgres: useradd --uid=999, of alpine adduser -u 70; mysql and mariadb: useradd --uid 999
        let uid = if is_alpine { 70 } else { 999 };
        READ_AS_ROOT.iter().any(|(known, _)| *known == name).then_some(uid)
    };
    // `wordpress:cli` is another one's from the start, whom its `USER` names.
    let drops = VENDORS.iter().find(drops).filter(|_| !is_of_cli(image));
    drops.map(|vendor| uid_by_tag(vendor, image)).or_else(of_library)
}

/// The uid of a vendor's image, where the tag tells no other: on Alpine www-data is 82 (alpine-baselayout), and in
/// `wordpress:cli` 33 on purpose.
fn uid_by_tag(vendor: &Vendor, image: &Text) -> u32 {
    let is_alpine = image.known().is_some_and(|image| image.contains("alpine"));
    let is_other = vendor.name == "wordpress" && is_alpine && !is_of_cli(image);
    if is_other { 82 } else { vendor.uid }
}

fn is_of_cli(image: &Text) -> bool {
    image.known().is_some_and(|image| image.contains("wordpress:cli"))
}

/// The uid that a unit's image reads files as, unless the unit says.
pub(super) fn uid(unit: &Unit) -> Option<u32> {
    if is_kz(unit) {
        return Some(KZ_UID);
    }
    let name = unit.image.as_ref().filter(|_| !unit.is_built).and_then(repository)?;
    let vendor = VENDORS.iter().find(|vendor| vendor.name == name)?;
    let uid = uid_by_tag(vendor, unit.image.as_ref()?);
    match vendor.how {
        How::User => Some(uid),
        How::Drops(program) => {
            let drops = unit.entrypoint.is_none() && begins(unit.command.as_ref(), program);
            drops.then_some(uid)
        }
    }
}

fn begins(command: Option<&CommandLine>, program: &str) -> bool {
    match command.and_then(|command| command.words.first()) {
        None => true,
        Some(first) => first.known().is_some_and(|first| first.starts_with(program)),
    }
}
