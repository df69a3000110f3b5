//! `cargo xtask hosts`: the command on the hosts that users have, and the network guests
//! under jco. HOSTS_FOLDER has the hosts, with the components made ready for them.
//!
//! Ends with 0 only if each does as the others, or differs as it is written here.

mod command;
mod guests;
mod host;

#[tokio::main]
async fn main() {
    for host in host::Host::all() {
        println!("{}", host.name);
    }
    guests::every_network_guest_runs_there_or_has_a_reason();
    macro_rules! run {
        ($($case:path),* $(,)?) => {$(
            println!("{}", stringify!($case));
            $case().await;
        )*};
    }
    run!(
        command::a_mail_goes_over_tls_and_starttls_and_a_refusal_is_told,
        command::a_folder_goes_once_and_its_journal_is_kept,
        command::a_server_that_stalls_costs_the_time_of_the_mail,
        command::what_the_host_does_not_grant_is_named,
        command::dns_without_an_answer_may_have_one_later,
        command::what_can_be_no_name_is_told_for_good,
        guests::those_with_a_peer_that_echoes_or_is_silent,
        guests::those_with_a_peer_of_their_own,
        guests::the_errors_are_those_of_wasmtime,
        guests::what_was_written_arrives,
    );
}
