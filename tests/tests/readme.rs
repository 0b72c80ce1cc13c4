//! README's tour, run to the letter: its Rust with its Python, as a newcomer would.

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::unused_async,
    reason = "written for readers of README, who have other lints"
)]
mod tour {
    include!(concat!(env!("OUT_DIR"), "/tour.rs"));

    pub fn run() -> Result<()> {
        main()
    }
}

// The only test of this program: the tour names folders relative to the current one.
#[test]
fn the_tour_in_readme_runs_as_it_stands() {
    std::env::set_current_dir(env!("OUT_DIR")).expect("the folder that the build made");
    tour::run().expect("the tour ends well");
}
