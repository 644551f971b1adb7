//! What `kz plan --format iam` says has to be allowed is what reading takes, and nothing more.
//!
//! moto checks actions only, so that which resources a policy means is judged here: its patterns, as IAM reads
//! them, against the ARNs that moto gave.

use serde_json::{Value, json};

use crate::aws_stage::{Aws, EXPORT, Keys, REGION, options, resolved};
use crate::support::Run;

/// What is read, and what is not, with names that are nearly the same.
const SECRETS: [&str; 5] = ["prod/db", "prod/key", "prod/other", "prod/partial", "prod/arn"];
const OTHERS: [&str; 4] = ["prod/db-second", "prod/keys", "prod/partial-2", "staging/db"];
const PARAMETERS: [&str; 2] = ["/prod/db", "plain"];
const OTHER_PARAMETERS: [&str; 2] = ["/prod/db/second", "plain2"];

struct Account {
    aws: Aws,
    config: String,
    read: [Vec<String>; 2],
    others: [Vec<String>; 2],
}

fn account() -> Account {
    let aws = Aws::new();
    let put = |command: &str, names: &[&str]| -> Vec<String> {
        names.iter().map(|name| aws.admin_with(name, &[command, name]).remove(0)).collect()
    };
    let read = [put("put", &SECRETS), put("parameter", &PARAMETERS)];
    let others = [put("put", &OTHERS), put("parameter", &OTHER_PARAMETERS)];
    let (partial, arn) = (&read[0][3][..read[0][3].len() - 7], &read[0][4]);
    let config = format!(
        "[secrets]\n\
         DB = {{ provider = \"aws-sm\", ref = \"prod/db\" }}\n\
         KEY = {{ provider = \"aws-sm\", ref = \"sm://prod/key\" }}\n\
         OTHER = {{ provider = \"aws-sm\", ref = \"prod/other\" }}\n\
         PARTIAL = {{ provider = \"aws-sm\", ref = \"{partial}\" }}\n\
         ARN = {{ provider = \"aws-sm\", ref = \"{arn}\" }}\n\
         OLD = {{ provider = \"aws-sm\", ref = \"prod/db\", version = \"AWSCURRENT\" }}\n\
         PATH = {{ provider = \"aws-ssm\", ref = \"/prod/db:1\" }}\n\
         PLAIN = {{ provider = \"aws-ssm\", ref = \"plain\" }}\n\
         [providers.aws-sm]\nregion = \"eu-west-1\"\n[providers.aws-ssm]\nregion = \"eu-west-1\"\n"
    );
    Account { aws, config, read, others }
}

impl Account {
    /// The policy that kz prints.
    fn policy(&self) -> Value {
        resolved(self.aws.kz(&self.config, &options(Vec::new(), &[REGION]), &["plan", "--format", "iam"]))
    }

    /// Those that a policy lets this action have.
    fn allowed(&self, policy: &Value, action: &str, kind: usize) -> Vec<String> {
        let arns = [&self.read[kind][..], &self.others[kind][..]].concat();
        let asked = json!({ "policy": policy, "action": action, "arns": arns });
        self.aws.admin_with(&asked.to_string(), &["policy-allows"])
    }

    fn run_with(&self, keys: &Keys, policy: &Value) -> Run {
        self.aws.admin_with(&policy.to_string(), &["policy", "app"]);
        self.aws.kz(&self.config, &options(keys.variables(), &[REGION]), EXPORT)
    }
}

#[test]
fn the_policy_lets_everything_be_read_and_nothing_else() {
    let account = account();
    let policy = account.policy();
    assert_eq!(account.allowed(&policy, "secretsmanager:GetSecretValue", 0), account.read[0], "{policy:#}");
    assert_eq!(account.allowed(&policy, "ssm:GetParameters", 1), account.read[1], "{policy:#}");
    let keys = account.aws.user("app", &[]);
    let run = account.run_with(&keys, &policy);
    assert!(!run.stderr().contains("by itself"), "{}", run.describe());
    assert_eq!(
        resolved(run),
        json!({ "DB": "prod/db", "KEY": "prod/key", "OTHER": "prod/other", "PARTIAL": "prod/partial", "ARN": "prod/arn", "OLD": "prod/db",
                "PATH": "/prod/db", "PLAIN": "plain" })
    );
    // Each statement is needed; the one for batches only so that there are fewer calls.
    let statements = policy["Statement"].as_array().expect("statements");
    for (place, left_out) in statements.iter().enumerate() {
        let mut less = policy.clone();
        less["Statement"].as_array_mut().expect("statements").remove(place);
        let run = account.run_with(&keys, &less);
        if left_out["Action"] == "secretsmanager:BatchGetSecretValue" {
            run.expect_code(0).expect_stderr(&["asking for each secret by itself"]);
        } else {
            let action = left_out["Action"].as_str().expect("one action");
            run.expect_code(1).expect_stderr(&["arn:aws:iam::123456789012:user/app may not", action]);
        }
    }
}
