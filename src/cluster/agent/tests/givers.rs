//! A standby that is given a log by a node that is not its primary: a right one, and another one.

use super::*;

#[test]
fn a_node_that_contradicts_what_is_here_is_not_believed() {
    let (mut ours, mut theirs, _) = two_writers(200_000);
    let committed = ours.place_at(ours.end());
    let disk = standby_of(&ours, committed);
    theirs.append_to(300_000);
    theirs.writer.sync().unwrap();
    [&mut ours, &mut theirs].into_iter().for_each(|log| log.append_to(400_000));
    // An operator's word that it may cut is about the primary's log.
    let mut scene = Scene::new(&disk, &ours, true);
    scene.hears_stream = true;
    scene.served_by(3, &theirs);
    scene.until(&ours, |scene| !scene.contradicted().is_empty());
    assert_eq!((scene.contradicted(), scene.cuts().len()), (vec![3], 0), "{:?}", scene.news);
    assert_eq!(scene.agent.replica().committed(), committed.position);
    // What it gave until then, the primary's word finds out.
    scene.served_by(1, &ours);
    scene.until(&ours, |scene| scene.holds(340_000));
    assert_eq!(scene.agent.replica().committed(), committed.position);
    scene.commit(&ours, 320_000);
    scene.until_arrived(&ours);
    assert_eq!((scene.contradicted(), scene.cuts().len()), (vec![3], 1), "{:?}", scene.news);
    assert_eq!(scene.cuts()[0].from, committed.position);
    scene.finish(&ours, disk);
}

#[test]
fn what_another_node_gave_is_not_committed_before_the_primary_has_said_so() {
    let (ours, theirs, common) = two_writers(300_000);
    let mut before = Primary::new();
    before.append_to(100_000);
    let disk = standby_of(&before, common);
    let mut scene = Scene::new(&disk, &ours, false);
    scene.hears_stream = true;
    scene.served_by(3, &theirs);
    scene.announce(&ours);
    scene.turn();
    scene.commit(&ours, 250_000);
    scene.until(&ours, |scene| {
        assert_eq!(scene.agent.replica().committed(), common.position);
        !scene.contradicted().is_empty()
    });
    let cuts = scene.cuts();
    assert_eq!(
        (cuts.len(), cuts[0].from, cuts[0].committed),
        (1, common.position, common.position)
    );
    scene.served_by(1, &ours);
    scene.until_arrived(&ours);
    assert_eq!(scene.contradicted(), [3], "it was not asked again");
    scene.finish(&ours, disk);
}

#[test]
fn a_right_log_of_another_node_is_committed_when_the_primary_has_said_so() {
    let (ours, _, common) = two_writers(300_000);
    let mut before = Primary::new();
    before.append_to(100_000);
    let disk = standby_of(&before, common);
    let mut scene = Scene::new(&disk, &ours, false);
    scene.hears_stream = true;
    scene.served_by(3, &ours);
    scene.announce(&ours);
    scene.turn();
    scene.commit(&ours, 150_000);
    scene.until(&ours, |scene| scene.holds(200_000));
    assert_eq!(scene.agent.replica().committed(), end_beyond(&ours.disk, 150_000));
    scene.until_arrived(&ours);
    assert!(scene.contradicted().is_empty() && scene.cuts().is_empty());
    scene.finish(&ours, disk);
}
