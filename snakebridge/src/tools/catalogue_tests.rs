use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::tools::{Answer, ToolContext};
use crate::value::Value;

/// A tool that is only looked at.
#[derive(Clone)]
struct Inert {
    descriptor: Descriptor,
    needs: Option<&'static str>,
}

impl HostTool for Inert {
    fn descriptor(&self) -> Descriptor {
        self.descriptor.clone()
    }

    fn missing_states(&self, _: &States) -> Vec<&'static str> {
        self.needs.into_iter().collect()
    }

    fn call(&self, _: ToolContext, _: Bytes) -> Answer {
        unreachable!("nobody calls it")
    }
}

fn tool(name: &str) -> Inert {
    Inert { descriptor: Descriptor::new(name.to_owned()), needs: None }
}

fn described(name: &str, describe: impl FnOnce(&mut Descriptor)) -> Inert {
    let mut tool = tool(name);
    describe(&mut tool.descriptor);
    tool
}

fn set(tools: impl IntoIterator<Item = Inert>) -> Tools {
    tools.into_iter().fold(Tools::new(), Tools::with)
}

fn names(catalogue: &Catalogue, session: Option<&str>) -> Vec<String> {
    catalogue.visible(session).iter().map(|registered| registered.descriptor.name.to_string()).collect()
}

fn refused(outcome: Result<()>) -> String {
    let error = outcome.unwrap_err();
    assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
    error.to_string()
}

#[test]
fn a_session_sees_its_own_tools_before_those_of_everybody() {
    let mut catalogue = Catalogue::default();
    let documented = |name: &str, text: &'static str| described(name, |tool| tool.description = text.into());
    catalogue.register_global(set([documented("a", "for all"), tool("b")]), &States::new()).unwrap();
    catalogue.register("s", set([documented("a", "of the session"), tool("c")]), &States::new()).unwrap();
    assert_eq!(names(&catalogue, None), ["a", "b"]);
    assert_eq!(names(&catalogue, Some("other")), ["a", "b"]);
    assert_eq!(names(&catalogue, Some("s")), ["a", "b", "c"]);
    let says = |session| catalogue.find_exposed(session, "a").unwrap().descriptor.description.clone();
    assert_eq!((says(Some("s")), says(None)), ("of the session".into(), "for all".into()));
}

#[test]
fn what_is_taken_away_no_longer_hides_what_it_hid() {
    let mut catalogue = Catalogue::default();
    catalogue.register_global(set([tool("a")]), &States::new()).unwrap();
    catalogue.register("s", set([described("a", |tool| tool.exposed = false)]), &States::new()).unwrap();
    assert!(
        catalogue.find_exposed(Some("s"), "a").is_err(),
        "the session's is hidden from Python, and hides the other"
    );
    assert!(catalogue.unregister("s", "a"));
    assert!(!catalogue.unregister("s", "a") && !catalogue.unregister("s", "b") && !catalogue.unregister("t", "a"));
    assert!(catalogue.find_exposed(Some("s"), "a").is_ok());
    catalogue.register("s", set([tool("b")]), &States::new()).unwrap();
    catalogue.forget("s");
    assert_eq!(names(&catalogue, Some("s")), ["a"]);
}

#[test]
fn a_batch_is_registered_as_a_whole_or_not_at_all() {
    let mut catalogue = Catalogue::default();
    catalogue.register("s", set([tool("taken")]), &States::new()).unwrap();
    let generation = catalogue.generation(Some("s"));
    let wordy = described("wordy", |tool| {
        tool.metadata = vec![("key".into(), Value::from("x".repeat(4096)))];
        tool.metadata_limit = Some(4096);
    });
    let mut stateful = tool("stateful");
    stateful.needs = Some("Db");
    for (bad, part) in [
        (tool("1st"), "`1st` is no tool name"),
        (wordy, "tool `wordy` has 4099 bytes of metadata, and at most 4096 are allowed"),
        (tool("fine"), "two host tools are called `fine`"),
        (tool("taken"), "there is a host tool `taken` already"),
        (stateful, "tool `stateful` needs a state of type `Db`; give the builder one with `.state(..)`"),
    ] {
        let why = refused(catalogue.register("s", set([tool("fine"), bad]), &States::new()));
        assert!(why.starts_with(part), "{why}");
        assert_eq!(names(&catalogue, Some("s")), ["taken"]);
        assert_eq!(catalogue.generation(Some("s")), generation, "nothing has changed");
    }
}

#[test]
fn a_tool_of_sessions_is_not_for_everybody() {
    let mut catalogue = Catalogue::default();
    let tools = set([described("parse", |tool| tool.session = true)]);
    let why = refused(catalogue.register_global(tools.clone(), &States::new()));
    assert_eq!(why, "tool `parse` belongs to a session; register it with `session.register(tools![..])`");
    catalogue.register("s", tools, &States::new()).unwrap();
}

#[test]
fn a_name_that_is_not_found_is_answered_with_what_there_is_to_see() {
    let mut catalogue = Catalogue::default();
    let missing = |catalogue: &Catalogue, name: &str| {
        let Err(error) = catalogue.find_exposed(Some("s"), name) else { panic!("`{name}` was found") };
        assert_eq!((error.code(), error.executed()), ("tool_not_found", Executed::Never));
        error.to_string()
    };
    assert!(missing(&catalogue, "a").contains("the host offers no tools"));
    let tools = set([tool("parse_json"), described("secret_json", |tool| tool.exposed = false)]);
    catalogue.register("s", tools, &States::new()).unwrap();
    let near = "no host tool `parse_jsn`; did you mean `parse_json`? (known: `parse_json`)";
    assert_eq!(missing(&catalogue, "parse_jsn"), near);
    assert_eq!(missing(&catalogue, "secret_json"), "no host tool `secret_json`; there are `parse_json`");
    let many: Vec<_> = (0..30).map(|number| tool(&format!("tool_{number:02}"))).collect();
    catalogue.register("many", set(many), &States::new()).unwrap();
    let Err(error) = catalogue.find_exposed(Some("many"), "zzz") else { panic!("`zzz` was found") };
    assert!(error.to_string().ends_with("`tool_19` and 10 more"), "{error}");
}

/// What may happen to a catalogue.
#[derive(Debug, Clone)]
enum Change {
    RegisterGlobal(Vec<u8>),
    Register(u8, Vec<u8>),
    Unregister(u8, u8),
    Forget(u8),
}

fn change() -> impl Strategy<Value = Change> {
    let names = || prop::collection::vec(0..4_u8, 0..3);
    prop_oneof![
        names().prop_map(Change::RegisterGlobal),
        (0..3_u8, names()).prop_map(|(session, names)| Change::Register(session, names)),
        (0..3_u8, 0..4_u8).prop_map(|(session, name)| Change::Unregister(session, name)),
        (0..3_u8).prop_map(Change::Forget),
    ]
}

proptest! {
    #[test]
    fn a_session_and_a_generation_name_one_list_for_good(changes in prop::collection::vec(change(), 0..40)) {
        let mut catalogue = Catalogue::default();
        let mut named: HashMap<(Option<String>, u64), Vec<*const Descriptor>> = HashMap::new();
        let tools = |names: &[u8]| set(names.iter().map(|name| tool(&format!("t{name}"))));
        for change in changes {
            // What is refused changes nothing, so it need not be kept out.
            let _ = match &change {
                Change::RegisterGlobal(names) => catalogue.register_global(tools(names), &States::new()).is_ok(),
                Change::Register(session, names) => {
                    catalogue.register(&session.to_string(), tools(names), &States::new()).is_ok()
                }
                Change::Unregister(session, name) => catalogue.unregister(&session.to_string(), &format!("t{name}")),
                Change::Forget(session) => {
                    catalogue.forget(&session.to_string());
                    true
                }
            };
            for session in [None, Some("0"), Some("1"), Some("2")] {
                // By identity: a tool that came again under its old name is another one.
                let list: Vec<_> =
                    catalogue.visible(session).iter().map(|seen| Arc::as_ptr(&seen.descriptor)).collect();
                let key = (session.map(str::to_owned), catalogue.generation(session));
                let known = named.entry(key).or_insert_with(|| list.clone());
                prop_assert_eq!(&*known, &list, "{:?} after {:?}", session, change);
            }
        }
    }
}
