//! A standby whose state is another one: barred, started again or not, until most have its state.

use super::*;

/// What another node says of its state at a place.
fn state_at(place: LogPlace, hash: u64) -> StateHash {
    let LogPlace { position, chain } = place;
    StateHash { position: position.get(), chain: chain.0, low: hash, ..StateHash::default() }
}

#[test]
fn a_node_of_another_state_is_barred_until_most_have_its_state() {
    let mut primary = Primary::new();
    primary.append_to(10_000);
    let place = primary.place_at(primary.end());
    let disk = standby_of(&primary, place);
    let executed = || States(VecDeque::from([(place, 7)]));
    let run = |states: States, told: &[(u32, u64)]| {
        let mut scene = Scene::with(&disk, &primary, false, states);
        told.iter().for_each(|(node, hash)| scene.say(*node, state_at(place, *hash)));
        scene.turn();
        scene.turn();
        let flags = scene.agent.follower().flags();
        (scene, flags.contains(NodeFlags::DIVERGED))
    };
    let (scene, is_wrong) = run(executed(), &[(1, 8), (3, 8)]);
    assert!(is_wrong && scene.agent.is_barred() && scene.agent.outvoted().is_some());
    drop(scene);
    // Started again it knows nothing of its state, votes, and is led by force alone.
    for told in [&[][..], &[(3, 8)], &[]] {
        let (mut scene, is_wrong) = run(executed(), told);
        assert!(!is_wrong && scene.agent.is_barred(), "{told:?}");
        assert!(scene.is_refused(false) && !scene.is_refused(true), "{told:?}");
    }
    // One that agrees is a majority with this one.
    let (mut scene, _) = run(executed(), &[(1, 8), (3, 7)]);
    assert!(!scene.agent.is_barred());
    assert!(scene.news.iter().any(|news| matches!(news, News::Vindicated)), "{:?}", scene.news);
    assert!(!scene.is_refused(false));
    drop(scene);
    let (scene, _) = run(States::default(), &[]);
    assert!(!scene.agent.is_barred());
}
