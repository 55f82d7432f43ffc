//! In which order the operations of a bulk request go.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap},
};

use super::operation::Operation;

/// A step of the work.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An operation; a POST without these references, whose resources come after it.
    Do { at: usize, without: Vec<usize> },
    /// What was left out is added: all that these operations name is there now.
    Link(Vec<usize>),
}

/// The order of the request, but that what names a POST's bulkId waits for it. Operations that name each other in a circle
/// go one after the other where the last of them stands.
pub(super) fn steps(operations: &[Operation]) -> Vec<Step> {
    let makers: HashMap<&str, usize> = operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| operation.makes())
        .filter_map(|(at, operation)| Some((operation.bulk_id.as_deref()?, at)))
        .collect();
    let needs: Vec<Vec<usize>> = operations
        .iter()
        .map(|operation| operation.names().filter_map(|id| makers.get(id.as_str()).copied()).collect())
        .collect();
    sorted(&needs)
}

/// Again and again the first operation, or circle of them, whose needs are met.
fn sorted(needs: &[Vec<usize>]) -> Vec<Step> {
    let (circle, circles) = circles(needs);
    let mut waits = vec![0; circles.len()];
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); circles.len()];
    for (number, members) in circles.iter().enumerate() {
        let needed: BTreeSet<usize> =
            members.iter().flat_map(|at| &needs[*at]).map(|need| circle[*need]).collect();
        for other in needed.into_iter().filter(|other| *other != number) {
            waits[number] += 1;
            waiting[other].push(number);
        }
    }
    let place = |number: usize| Reverse((circles[number].last().copied(), number));
    let mut ready: BinaryHeap<_> =
        (0..circles.len()).filter(|number| waits[*number] == 0).map(place).collect();
    let mut steps = Vec::with_capacity(needs.len());
    while let Some(Reverse((_, number))) = ready.pop() {
        close(&circles[number], needs, &mut steps);
        for other in &waiting[number] {
            waits[*other] -= 1;
            if waits[*other] == 0 {
                ready.push(place(*other));
            }
        }
    }
    steps
}

/// The operations of a circle, each without those that come after it, which are added at the end.
fn close(members: &[usize], needs: &[Vec<usize>], steps: &mut Vec<Step>) {
    let mut cut = false;
    for at in members {
        let later = needs[*at].iter().filter(|need| *need >= at && members.binary_search(need).is_ok());
        let without: Vec<usize> = later.copied().collect();
        cut |= !without.is_empty();
        steps.push(Step::Do { at: *at, without });
    }
    if cut {
        steps.push(Step::Link(members.to_vec()));
    }
}

/// Each operation's circle, and the operations of each in their order; who is in none is one alone. (Tarjan's strongly
/// connected components, with a stack of their own: a chain may be as long as the request.)
fn circles(needs: &[Vec<usize>]) -> (Vec<usize>, Vec<Vec<usize>>) {
    const UNSEEN: usize = usize::MAX;
    let (mut seen, mut low, mut circle) =
        (vec![UNSEEN; needs.len()], vec![0; needs.len()], vec![UNSEEN; needs.len()]);
    let (mut open, mut stack, mut circles) = (Vec::new(), Vec::new(), Vec::new());
    let mut count = 0;
    for root in 0..needs.len() {
        if seen[root] == UNSEEN {
            stack.push((root, 0));
        }
        while let Some((at, next)) = stack.last_mut() {
            let at = *at;
            if *next == 0 {
                (seen[at], low[at]) = (count, count);
                count += 1;
                open.push(at);
            }
            let need = needs[at].get(*next).copied();
            *next += 1;
            match need {
                Some(need) if seen[need] == UNSEEN => stack.push((need, 0)),
                Some(need) if circle[need] == UNSEEN => low[at] = low[at].min(seen[need]),
                Some(_) => {}
                None => {
                    stack.pop();
                    if let Some((before, _)) = stack.last() {
                        low[*before] = low[*before].min(low[at]);
                    }
                    if low[at] == seen[at] {
                        let from = open.iter().rposition(|one| *one == at).unwrap_or_default();
                        let mut members = open.split_off(from);
                        members.sort_unstable();
                        for member in &members {
                            circle[*member] = circles.len();
                        }
                        circles.push(members);
                    }
                }
            }
        }
    }
    (circle, circles)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(needs: &[&[usize]]) -> Vec<Step> {
        sorted(&needs.iter().map(|n| n.to_vec()).collect::<Vec<_>>())
    }

    fn all(at: &[usize]) -> Vec<Step> {
        at.iter().map(|at| Step::Do { at: *at, without: Vec::new() }).collect()
    }

    fn cut(at: usize, without: &[usize]) -> Step {
        Step::Do { at, without: without.to_vec() }
    }

    #[test]
    fn all_stay_in_their_order_but_who_has_to_wait() {
        assert_eq!(order(&[&[], &[], &[]]), all(&[0, 1, 2]));
        assert_eq!(order(&[&[2], &[], &[1]]), all(&[1, 2, 0]));
        assert_eq!(order(&[&[1], &[]]), all(&[1, 0]));
        // What stands between the two goes before both, as it was sent.
        assert_eq!(order(&[&[3], &[], &[], &[], &[]]), all(&[1, 2, 3, 0, 4]));
        assert_eq!(order(&[&[2], &[0], &[], &[]]), all(&[2, 0, 1, 3]));
    }

    #[test]
    fn a_circle_is_closed_before_others_use_it_and_stands_where_its_last_one_does() {
        assert_eq!(order(&[&[1], &[0]]), [cut(0, &[1]), cut(1, &[]), Step::Link(vec![0, 1])]);
        assert_eq!(order(&[&[0]]), [cut(0, &[0]), Step::Link(vec![0])]);
        assert_eq!(
            order(&[&[1], &[2], &[1]]),
            [cut(1, &[2]), cut(2, &[]), Step::Link(vec![1, 2]), cut(0, &[])]
        );
        assert_eq!(
            order(&[&[2], &[], &[0], &[]]),
            [cut(1, &[]), cut(0, &[2]), cut(2, &[]), Step::Link(vec![0, 2]), cut(3, &[])]
        );
        // Two circles, one of which needs the other.
        assert_eq!(
            order(&[&[1, 2], &[0], &[3], &[2]]),
            [
                cut(2, &[3]),
                cut(3, &[]),
                Step::Link(vec![2, 3]),
                cut(0, &[1]),
                cut(1, &[]),
                Step::Link(vec![0, 1])
            ]
        );
    }

    #[test]
    fn a_long_chain_and_a_long_circle_need_no_deep_stack() {
        let mut needs: Vec<Vec<usize>> = (1..=100_000).map(|n| vec![n]).collect();
        needs.push(Vec::new());
        assert_eq!(sorted(&needs).first(), Some(&cut(100_000, &[])));
        let circle: Vec<Vec<usize>> = (0..2_000).map(|n| vec![(n + 1) % 2_000]).collect();
        assert_eq!(sorted(&circle).len(), 2_001);
    }
}
