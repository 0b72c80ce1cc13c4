use snakebridge::prelude::*;

#[elixir_style_tool(exposed_to_python = true)]
trait Validation {
    async fn check(&self, params: Params) -> Outcome<bool>;

    async fn measure(&self, params: &Params) -> Outcome<u64>;
}

struct Strict;

impl Validation for Strict {
    async fn check(&self, _params: Params) -> Outcome<bool> {
        Outcome::Ok(true)
    }

    async fn measure(&self, params: &Params) -> Outcome<u64> {
        Outcome::Ok(params.iter().count() as u64)
    }
}

// Nothing is said of what is right.
async fn check(session: &Session) -> Result<bool> {
    session.register(ValidationTools::new(Strict))?;
    ValidationClient::new(session).check(Params::default()).await
}

fn main() {
    let _ = check;
}
