//! Users, passwords, entitlements; what a guesser gets.

use isochron_feeds::channel::{Channel, Product};
use isochron_feeds::mold::Session;

use super::*;

const SECOND: u64 = 1_000_000_000;
const CHEAP: Cost = Cost { memory_kib: 8, passes: 1 };

fn user(name: &str, password: &str) -> User {
    User {
        name: name.to_string(),
        password_hash: hash_password(password, &[3; 16], CHEAP).expect("a good password"),
        entitlement: Entitlement::all(),
        quota: Quota::default(),
    }
}

fn login(user: &str, password: &str) -> LoginRequest {
    LoginRequest::new(user, password, Session::BLANK, 1).expect("it fits")
}

fn source(host: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, host])
}

/// What a login is told in the end, and how many passwords were verified for it.
fn answer(access: &mut Access, login: &LoginRequest, now_ns: u64) -> (Check, usize) {
    let mut verified = 0;
    loop {
        let check = access.check(login, source(1), now_ns);
        if check != Check::Pending {
            return (check, verified);
        }
        let verification = access.poll_verification().expect("what is pending is queued");
        access.on_verified(verification.run());
        verified += 1;
    }
}

const WRONG: Check = Check::Refused(Refusal::Unauthorized);

#[test]
fn a_password_is_verified_once_right_or_wrong() {
    let mut access = Access::new(&[user("Alice", "Secret")], [1; 32]).expect("a good user");
    assert_eq!(answer(&mut access, &login("alice", "SECRET"), 0), (Check::Good, 1));
    assert_eq!(answer(&mut access, &login("ALICE", "secret"), 0), (Check::Good, 0));
    assert_eq!(answer(&mut access, &login("alice", "wrong"), 0), (WRONG, 1));
    assert_eq!(answer(&mut access, &login("alice", "WRONG"), 0), (WRONG, 0));
    // A wrong one in between does not make the right one forgotten.
    assert_eq!(answer(&mut access, &login("alice", "secret"), 0), (Check::Good, 0));
    // Name and password do not run into each other.
    assert_eq!(answer(&mut access, &login("alices", "ecret"), 0), (WRONG, 1));
}

#[test]
fn a_name_that_is_not_there_costs_as_much_as_a_wrong_password() {
    let mut access = Access::new(&[], [1; 32]).expect("no user");
    assert_eq!(access.check(&login("nobody", "secret"), source(1), 0), Check::Pending);
    let verification = access.poll_verification().expect("it is queued like any other");
    assert_eq!(format!("{verification:?}"), "Verification { user: \"nobody\" }");
    access.on_verified(verification.run());
    assert_eq!(access.check(&login("nobody", "secret"), source(1), 0), WRONG);

    // The usual cost where there is no user, else that of the costliest.
    let cost = |hash: &Hash| hash.phc().split('$').nth(3).map(str::to_string);
    assert_eq!(cost(&access.nobody).as_deref(), Some("m=19456,t=2,p=1"));
    let dear = Cost { memory_kib: 16, passes: 1 };
    let hash = hash_password("secret", &[3; 16], dear).expect("a good password");
    let bob = User { password_hash: hash, ..user("bob", "secret") };
    let users = [user("alice", "secret"), bob, user("carol", "secret")];
    access.replace_users(&users).expect("good users");
    assert_eq!(cost(&access.nobody).as_deref(), Some("m=16,t=1,p=1"));
    assert!(Hash::new(access.nobody.phc()).is_ok(), "a hash like any other");
}

#[test]
fn hashes_are_argon2id_in_phc_form_and_depend_on_the_salt() {
    let hash = |password, salt| hash_password(password, &[salt; 16], CHEAP).expect("it fits");
    let alice = hash("Secret", 1);
    assert!(alice.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{alice}");
    assert_eq!(alice, hash("sEcReT", 1), "case is folded first");
    assert_ne!(alice, hash("secret", 2));
    assert_ne!(alice, hash("secret2", 1));
    let usual = Cost::default();
    let usual = hash_password("secret", &[1; 16], usual).expect("within the limits");
    assert!(usual.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{usual}");
}

#[test]
fn what_argon2_itself_made_is_taken() {
    // The reference implementation's own, of "password" with the salt "somesalt": `argon2
    // somesalt -id -t 2 -m 16 -p 1` (phc-winner-argon2, test.c).
    let hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ\
        $CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let known = User { password_hash: hash.to_string(), ..user("alice", "x") };
    let mut access = Access::new(&[known], [1; 32]).expect("a good hash");
    assert_eq!(answer(&mut access, &login("alice", "password"), 0), (Check::Good, 1));
}

#[test]
fn passwords_and_costs_beyond_their_fields_are_refused() {
    for password in ["", "elevenchars", "caf\u{e9}", " x", "x ", "a\tb"] {
        let error = hash_password(password, &[0; 16], CHEAP).expect_err(password);
        let characters = password.chars().count();
        assert_eq!(error, PasswordError::Password { characters });
    }
    for (memory_kib, passes) in [(7, 1), (65_537, 1), (8, 0), (8, 17), (u32::MAX, u32::MAX)] {
        let cost = Cost { memory_kib, passes };
        assert_eq!(hash_password("x", &[0; 16], cost), Err(PasswordError::Cost(cost)));
    }
}

#[test]
fn a_list_of_users_with_a_fault_is_refused_by_name_and_changes_nothing() {
    let mut access = Access::new(&[user("alice", "secret")], [1; 32]).expect("a good user");
    let text = |users: &[User], access: &mut Access| {
        access.replace_users(users).expect_err("a fault").to_string()
    };
    for name in ["", "toolong", " x", "x ", "a\u{e9}", "a\n"] {
        let said = text(&[user("bob", "x"), user(name, "x")], &mut access);
        assert!(
            said.starts_with(&format!("user \"{}\": a name has", name.escape_debug())),
            "{said}"
        );
    }
    assert_eq!(
        text(&[user("bob", "x"), user("BOB", "y")], &mut access),
        "user \"BOB\" is there twice"
    );
    let good = user("bob", "x").password_hash;
    let of = |hash: String| User { password_hash: hash, ..user("bob", "x") };
    for (hash, reason) in [
        ("secret".to_string(), "it is not in PHC form"),
        (good.replace("argon2id", "argon2i"), "it is of another algorithm or version"),
        (good.replace("v=19", "v=16"), "it is of another algorithm or version"),
        (good.replace("p=1", "p=4").replace("m=8", "m=64"), "it wants more than one lane"),
        (good[..good.rfind('$').expect("PHC")].to_string(), "salt or hash is missing"),
        (good.replace("t=1", "t=0"), "its parameters are wrong"),
        (format!("{}$AAAAAAAAAAAAAA", &good[..good.rfind('$').expect("PHC")]), "its hash is short"),
    ] {
        let said = text(&[of(hash.clone())], &mut access);
        assert!(said.ends_with(reason), "{hash}: {said}");
    }
    // A hash may not make the server work for minutes.
    let said = text(&[of(good.replace("m=8", "m=4194304"))], &mut access);
    assert!(said.contains("argon2id with 4194304 KiB"), "{said}");
    let many = vec![user("bob", "x"); USERS_MAX + 1];
    assert_eq!(text(&many, &mut access), "10001 users, at most 10000 are taken");
    assert_eq!(answer(&mut access, &login("alice", "secret"), 0), (Check::Good, 1));
}

#[test]
fn a_guesser_gets_thirty_passwords_a_minute_and_locks_nobody_out() {
    let mut access = Access::new(&[user("alice", "secret")], [1; 32]).expect("a good user");
    for guess in 0..30 {
        let login = login("alice", &format!("guess{guess}"));
        assert_eq!(answer(&mut access, &login, 0), (WRONG, 1));
    }
    let guessing = |retry_after_s| Check::Refused(Refusal::Guessing { retry_after_s });
    assert_eq!(answer(&mut access, &login("alice", "guess30"), 0), (guessing(2), 0));
    assert_eq!(answer(&mut access, &login("other", "secret"), 0), (guessing(2), 0));
    // From elsewhere, the user herself comes in, and then also from here.
    let elsewhere = access.check(&login("alice", "secret"), source(2), 0);
    assert_eq!(elsewhere, Check::Pending);
    let verification = access.poll_verification().expect("it is queued");
    access.on_verified(verification.run());
    assert_eq!(answer(&mut access, &login("alice", "secret"), 0), (Check::Good, 0));
    assert!(access.admit(&login("alice", "secret"), 0).is_ok(), "no quota of hers was used");
    assert_eq!(answer(&mut access, &login("alice", "guess30"), 2 * SECOND), (WRONG, 1));
}

#[test]
fn a_verification_may_be_run_on_another_thread() {
    fn sendable<T: Send + 'static>() {}
    sendable::<Verification>();
    sendable::<Verdict>();
    sendable::<Access>();
}

#[test]
fn passwords_that_wait_are_bounded_and_so_are_those_remembered() {
    let mut access = Access::new(&[], [1; 32]).expect("no user");
    let guess = |number: usize| login("alice", &format!("guess{number}"));
    let from = |number: usize| source((number / 30) as u8);
    for number in 0..VERIFICATIONS_MAX {
        assert_eq!(access.check(&guess(number), from(number), 0), Check::Pending);
        assert_eq!(access.check(&guess(number), from(number), 0), Check::Pending, "once is enough");
    }
    let busy = Check::Refused(Refusal::Busy { retry_after_s: 2 });
    assert_eq!(access.check(&guess(999), source(99), 0), busy);
    // Being run, they still count.
    let first = access.poll_verification().expect("there are many");
    assert_eq!(access.check(&guess(999), source(99), 0), busy);
    let _ = first;
    for tag in 0..2 * REFUSED_REMEMBERED_MAX {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&tag.to_le_bytes());
        access.remember_refused(bytes);
    }
    assert_eq!(access.refused.len(), REFUSED_REMEMBERED_MAX);
    assert_eq!(access.refused_order.len(), REFUSED_REMEMBERED_MAX);
}

#[test]
fn another_list_of_users_counts_from_then_on() {
    let mut access = Access::new(&[user("alice", "secret"), user("bob", "secret")], [1; 32])
        .expect("good users");
    let (alice, bob) = (login("alice", "secret"), login("bob", "secret"));
    assert_eq!(answer(&mut access, &alice, 0), (Check::Good, 1));
    assert_eq!(answer(&mut access, &bob, 0), (Check::Good, 1));
    let admitted = access.admit(&alice, 0).expect("she may");
    access.charge(&admitted, 1_000, 0).expect("she has many");
    // A verification that was begun under the old list says nothing of the new one.
    assert_eq!(access.check(&login("alice", "newpass"), source(1), 0), Check::Pending);
    let old = access.poll_verification().expect("it is queued");

    let quota = Quota { replayed_messages_per_day: 1_000, connections_max: 1, ..Quota::default() };
    let changed = User { quota, ..user("alice", "newpass") };
    access.replace_users(&[changed]).expect("a good user");
    access.on_verified(old.run());
    assert_eq!(answer(&mut access, &alice, 0), (WRONG, 1), "her old password is gone");
    assert_eq!(answer(&mut access, &login("alice", "newpass"), 0), (Check::Good, 1));
    assert_eq!(answer(&mut access, &bob, 0), (WRONG, 1), "bob is gone");
    // What she has used counts on, and so does her connection.
    let refused = access.admit(&alice, 0).expect_err("she has one");
    assert_eq!(refused, Refusal::Connections { limit: 1 });
    assert_eq!(admitted.user(), "alice");
    drop(admitted);
    assert!(access.admit(&alice, 0).is_ok());
}

#[test]
fn another_list_of_users_gives_nobody_a_new_quota() {
    let quota = Quota { logins_per_minute: 1, replayed_messages_per_day: 10, ..Quota::default() };
    let alice = User { quota, ..user("alice", "secret") };
    let mut access = Access::new(std::slice::from_ref(&alice), [1; 32]).expect("a good user");
    let admitted = access.admit(&login("alice", "secret"), 0).expect("she may");
    access.charge(&admitted, 10, 0).expect("all that she has");
    access.replace_users(std::slice::from_ref(&alice)).expect("a good user");
    let refused = access.admit(&login("alice", "secret"), 0).expect_err("she has had hers");
    assert_eq!(refused, Refusal::Logins { limit: 1, retry_after_s: 60 });
    let refused = access.afford(&admitted, 1, 0).expect_err("none are left");
    let retry_after_s = Some(8_640);
    assert_eq!(refused, Refusal::Messages { asked: 1, left: 0, limit: 10, retry_after_s });
    // Whoever is gone gets nothing at all.
    access.replace_users(&[]).expect("no user");
    assert_eq!(access.afford(&admitted, 0, 0), Err(Refusal::Unauthorized));
    assert_eq!(access.charge(&admitted, 0, 0), Err(Refusal::Unauthorized));
}

#[test]
fn rights_are_those_that_are_named() {
    let entitlement = Entitlement {
        products: [Product::L2, Product::L1].into(),
        partitions: Grant::Only([0, 2].into()),
        symbols: Grant::All,
    };
    let channel = |product, partition| Channel { partition, product };
    for purpose in [Purpose::Replay, Purpose::Snapshot] {
        assert!(entitlement.may(purpose, channel(Product::L2, 2)));
        assert!(!entitlement.may(purpose, channel(Product::L2, 1)), "another partition");
        assert!(!entitlement.may(purpose, channel(Product::L2Depth5, 0)), "another depth");
        assert!(!entitlement.may(purpose, channel(Product::L3, 0)));
    }
    let symbols = Grant::Only(["ACME".to_string(), "XYZ".to_string()].into());
    let limited = Entitlement { symbols, ..entitlement };
    assert!(limited.may_see("ACME") && !limited.may_see("ACM") && !limited.may_see("acme"));
    assert!(limited.may(Purpose::Snapshot, channel(Product::L1, 0)));
    assert!(!limited.may(Purpose::Replay, channel(Product::L1, 0)));
}

#[test]
fn the_richest_product_comes_first_and_of_it_the_first_partition() {
    let day = |channel: Channel| channel.session(20_261_122, b'A');
    // From the poorest.
    let order = ["l1-conflated", "l2-conflated", "l1", "l2-5", "l2-10", "l2", "l3"];
    let mut current = Vec::new();
    for word in order {
        let product = Product::of_word(word).expect("a product");
        for partition in [7, 3] {
            current.push(day(Channel { partition, product }));
            let preferred = Entitlement::all().preferred(Purpose::Replay, &current);
            assert_eq!(preferred, Some(day(Channel { partition, product })), "{word}");
        }
    }
    assert_eq!(Entitlement::all().preferred(Purpose::Replay, &[]), None);
    let foreign = Session::new("SOMETHING").expect("a name");
    assert_eq!(Entitlement::all().preferred(Purpose::Replay, &[foreign]), None);
}

#[test]
fn a_refusal_says_when_to_come_again() {
    let messages = |retry_after_s| Refusal::Messages { asked: 9, left: 4, limit: 8, retry_after_s };
    for (refusal, text) in [
        (Refusal::Unauthorized, "unknown user or wrong password"),
        (
            Refusal::Guessing { retry_after_s: 2 },
            "too many unknown passwords from this address; retry-after 2",
        ),
        (messages(None), "quota of 8 repeated messages a day: 9 asked for, 4 left"),
        (
            messages(Some(7)),
            "quota of 8 repeated messages a day: 9 asked for, 4 left; retry-after 7",
        ),
    ] {
        assert_eq!(refusal.to_string(), text);
    }
}
