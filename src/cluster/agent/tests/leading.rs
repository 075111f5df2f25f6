//! A standby's agent that votes, and that wants to lead.

use isochron_cluster::{Promote, Status, Vote, VoteReason, VoteRequest, YesNo};

use super::*;
use crate::cluster::OPERATOR;

/// A standby that holds all of a primary's log, of which nothing is known to be committed; the
/// other nodes have heard it.
fn standing() -> (Primary, Scene) {
    let mut primary = Primary::new();
    primary.append_to(10_000);
    let disk = standby_of(&primary, primary.place_at(Position(0)));
    let mut scene = Scene::new(&disk, &primary, false);
    scene.is_heard();
    (primary, scene)
}

/// What another node says that holds as much.
fn status(held: LogPlace) -> Status {
    let LogPlace { position, chain } = held;
    let (round, end, chain) = (1, position.get(), chain.0);
    Status { round, end, chain, last_epoch: 1, ..Status::default() }
}

/// Why it was not promoted.
fn not_promoted(scene: &Scene) -> Vec<String> {
    let why = |news: &News| match news {
        News::NotPromoted { why } => Some(why.to_string()),
        _ => None,
    };
    scene.news.iter().filter_map(why).collect()
}

/// Its word is durable, what it followed is over at once, and so is its own wish to lead.
#[test]
fn a_vote_ends_what_is_followed_and_its_own_candidacy() {
    let (primary, mut scene) = standing();
    scene.announce(&primary);
    scene.turn();
    let (held, followed) = (scene.agent.replica().held(), scene.agent.follower().following());
    assert_eq!(followed.map(|start| start.epoch), Some(Epoch(1)));
    assert!(scene.agent.promote(false, Nanos(scene.now)));
    let (end, chain) = (held.position.get(), held.chain.0);
    let request = VoteRequest { end, chain, epoch: 2, last_epoch: 1, ..VoteRequest::default() };
    scene.say(3, request);
    // The primary of before has not heard of that.
    scene.say(1, Commit { position: end, chain, epoch: 1, ..Commit::default() });
    scene.announce(&primary);
    scene.turn();
    assert_eq!(scene.agent.replica().voter().vote(), (Epoch(2), 3));
    let follower = scene.agent.follower();
    assert_eq!((follower.known(), follower.following()), (Epoch(2), None));
    assert_eq!(scene.agent.replica().committed(), Position(0), "that is its quorum's no more");
    scene.turn();
    assert!(!scene.agent.is_candidate());
    assert_eq!(not_promoted(&scene), ["node 2 has promised epoch 2 to another node"]);
}

/// Who said it may be silent now, and would give no vote below it.
#[test]
fn an_epoch_that_was_heard_of_is_not_asked_for_again() {
    let (_, mut scene) = standing();
    let held = scene.agent.replica().held();
    scene.say_knowing(3, Epoch(8), StatusRequest::default());
    scene.turn();
    assert!(scene.agent.promote(false, Nanos(scene.now)));
    scene.say(1, status(held));
    let begun = scene.now;
    while scene.agent.is_candidate() && scene.agent.replica().voter().known() < Epoch(2) {
        scene.turn();
        assert!(scene.now < begun + 10_000_000_000, "it promises nothing");
    }
    assert_eq!(scene.agent.replica().voter().vote(), (Epoch(9), 2));
    assert_eq!(scene.agent.follower().known(), Epoch(9), "its own word binds it, too");
}

#[test]
fn an_operators_wish_goes_before_what_a_node_asks_by_itself() {
    let (_, mut scene) = standing();
    assert!(scene.agent.promote(false, Nanos(scene.now)), "nobody answers");
    scene.turn();
    let mut operator = ControlChannel::operator(&members(2, NODES, AckPolicy::QUORUM), None, 1);
    let wish = Promote { round: 7, epoch: 1, force: YesNo::YES, ..Promote::default() };
    let bytes = operator.seal(2, Epoch(0), wish).to_vec();
    scene.said.0.lock().unwrap().push_back((OPERATOR, bytes));
    let patience = Nanos(scene.now + 1_000_000_000);
    let mut role = None;
    while role.is_none() && scene.now < patience.get() {
        scene.turn();
        role = scene.agent.poll_role_change();
    }
    assert!(
        matches!(role, Some(RoleChange::Lead { epoch: Epoch(1_114_112), forced: Some(_) })),
        "{role:?}"
    );
}

#[test]
fn a_candidate_gives_way_to_the_primary_of_a_later_epoch() {
    let (_, mut scene) = standing();
    let held = scene.agent.replica().held();
    assert!(scene.agent.promote(false, Nanos(scene.now)));
    [1, 3].into_iter().for_each(|from| scene.say(from, status(held)));
    scene.turn();
    scene.turn();
    let known = scene.agent.replica().voter().known();
    assert_eq!(known, Epoch(2), "it asks for the votes of that epoch");
    // Before it has them another node was voted for.
    let start = EpochStart { epoch: Epoch(3), node: 3, base: held.position, chain: held.chain };
    scene.say(3, contract().announce(&start, held.position));
    scene.turn();
    assert_eq!(scene.agent.replica().epoch(), Epoch(3));
    // A vote that comes late makes no primary of an epoch that is over.
    let reason = VoteReason::GRANTED;
    scene.say(1, Vote { epoch: 2, reason, ..Vote::default() });
    scene.turn();
    let role = scene.agent.poll_role_change();
    assert!(role.is_none() && !scene.agent.is_candidate(), "{role:?}");
    assert_eq!(not_promoted(&scene), ["node 3 has promised epoch 3 to another node"]);
}

/// What it acknowledged before the power failed may be gone.
#[test]
fn a_lossy_node_gives_no_vote_and_does_not_lead() {
    let mut primary = Primary::new();
    primary.append_to(10_000);
    let mut standby = joining::Standby::new();
    let follow = *epochs(&primary.disk).last().unwrap();
    let mut join = joining::Scene::new(primary.library(), follow, Pipes::new(10_000));
    join.arrive(&mut standby.store);
    let disk = standby.disk.after_power_failure(|| true).unwrap();
    let mut scene = Scene::new(&disk, &primary, false);
    assert!(scene.agent.replica().is_lossy());
    let LogPlace { position, chain } = primary.place_at(primary.end());
    let (end, chain) = (position.get(), chain.0);
    let request = VoteRequest { end, chain, epoch: 2, last_epoch: 1, ..VoteRequest::default() };
    scene.say(3, request);
    scene.turn();
    assert_eq!(scene.agent.replica().voter().vote(), (Epoch(0), 0));
    assert!(scene.agent.promote(false, Nanos(scene.now)));
    scene.turn();
    assert_eq!(not_promoted(&scene), [Refusal::Lossy.to_string()]);
}
