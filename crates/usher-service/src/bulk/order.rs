//! In which order the operations of a bulk request go.

use std::collections::HashMap;

use super::operation::Operation;

/// A step of the work.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An operation; a POST without these references, whose resources come after it.
    Do { at: usize, without: Vec<usize> },
    /// What was left out is added: all that these operations name is there now.
    Link(Vec<usize>),
}

/// The order of the request, but that each POST goes before what names it; of a circle the first one reached goes last.
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
    let makes: Vec<bool> = operations.iter().map(Operation::makes).collect();
    sorted(&needs, &makes)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Begun,
    Ready,
}

/// Depth first, with a stack of its own: a chain may be as long as the request.
fn sorted(needs: &[Vec<usize>], makes: &[bool]) -> Vec<Step> {
    let mut state = vec![State::Waiting; needs.len()];
    let mut steps = Vec::new();
    for root in 0..needs.len() {
        if state[root] != State::Waiting {
            continue;
        }
        let (mut tree, mut without) = (Vec::new(), HashMap::<usize, Vec<usize>>::new());
        let mut cut = false;
        let mut stack = vec![(root, 0)];
        state[root] = State::Begun;
        while let Some((at, next)) = stack.last_mut() {
            let at = *at;
            if let Some(need) = needs[at].get(*next).copied() {
                *next += 1;
                match state[need] {
                    State::Waiting => {
                        state[need] = State::Begun;
                        stack.push((need, 0));
                    }
                    State::Begun => {
                        cut = true;
                        without.entry(at).or_default().push(need);
                    }
                    State::Ready => {}
                }
                continue;
            }
            stack.pop();
            state[at] = State::Ready;
            // What only refers is in no circle, and goes when all circles below it are closed.
            if !makes[at] && cut {
                steps.push(Step::Link(std::mem::take(&mut tree)));
                cut = false;
            }
            steps.push(Step::Do { at, without: without.remove(&at).unwrap_or_default() });
            if makes[at] {
                tree.push(at);
            }
        }
        if cut {
            steps.push(Step::Link(tree));
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(needs: &[&[usize]], makes: &[bool]) -> Vec<Step> {
        sorted(&needs.iter().map(|n| n.to_vec()).collect::<Vec<_>>(), makes)
    }

    fn all(at: &[usize]) -> Vec<Step> {
        at.iter().map(|at| Step::Do { at: *at, without: Vec::new() }).collect()
    }

    #[test]
    fn what_names_nothing_stays_in_its_order_and_what_is_named_goes_first() {
        assert_eq!(order(&[&[], &[], &[]], &[true, false, true]), all(&[0, 1, 2]));
        assert_eq!(order(&[&[2], &[], &[1]], &[true; 3]), all(&[1, 2, 0]));
        assert_eq!(order(&[&[1], &[]], &[false, true]), all(&[1, 0]));
    }

    #[test]
    fn a_circle_is_cut_once_and_closed_before_others_use_it() {
        let cut = |at, without: &[usize]| Step::Do { at, without: without.to_vec() };
        assert_eq!(order(&[&[1], &[0]], &[true; 2]), [cut(1, &[0]), cut(0, &[]), Step::Link(vec![1, 0])]);
        assert_eq!(order(&[&[0]], &[true]), [cut(0, &[0]), Step::Link(vec![0])]);
        assert_eq!(
            order(&[&[1], &[2], &[1]], &[false, true, true]),
            [cut(2, &[1]), cut(1, &[]), Step::Link(vec![2, 1]), cut(0, &[])]
        );
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let needs: Vec<Vec<usize>> =
            (0..100_000).map(|n| if n + 1 < 100_000 { vec![n + 1] } else { vec![] }).collect();
        assert_eq!(
            sorted(&needs, &vec![true; 100_000]).first(),
            Some(&Step::Do { at: 99_999, without: vec![] })
        );
    }
}
