//! Many small ordered maps in one arena: a forest of AA trees (Andersson 1993, balanced in the worst case).
//!
//! A tree is its root's number, 0 for an empty one, so that a zeroed record holds empty trees. Freed nodes are
//! used again; a discarded tree is taken apart one node at a time, by later insertions. No call is linear in a tree.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::chunked::Chunked;

const NIL: u32 = 0;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Node<K, V> {
    key: K,
    value: V,
    left: u32,
    right: u32,
    level: u32,
}

/// A value of a tree that may sum up what is below it.
pub(crate) trait Held: Copy + Default {
    /// Whether it does.
    const SUMS: bool = false;

    /// The value with what the sides below it hold, themselves summed.
    #[must_use]
    fn with_below(self, _left: Self, _right: Self) -> Self {
        self
    }
}

impl Held for i32 {}

/// An arena of ordered maps from `K` to `V`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(
    serialize = "K: Serialize, V: Serialize",
    deserialize = "K: Deserialize<'de>, V: Deserialize<'de>"
))]
pub(crate) struct Forest<K, V> {
    nodes: Chunked<Node<K, V>>,
    /// Nodes ever made; node 0 is the empty tree.
    made: u32,
    /// Head of the list of free nodes, linked through `left`.
    free: u32,
    /// Head of the list of the roots of discarded trees, linked through `level`.
    discarded: u32,
    /// Nodes in both lists.
    listed: u32,
}

impl<K: Ord + Copy + Default, V: Held> Forest<K, V> {
    /// Bytes of a node.
    pub(crate) const NODE_BYTES: usize = size_of::<Node<K, V>>();

    /// An arena without trees.
    pub(crate) fn new() -> Self {
        Self { nodes: Chunked::new(1), made: 1, free: NIL, discarded: NIL, listed: 0 }
    }

    /// A copy that shares what it holds.
    pub(crate) fn freeze(&mut self) -> Self {
        Self { nodes: self.nodes.freeze(), ..*self }
    }

    /// Makes room for the first nodes beforehand.
    pub(crate) fn prepare(&mut self) {
        self.nodes.reach(NIL);
    }

    #[inline]
    fn node(&self, at: u32) -> Node<K, V> {
        self.nodes.row(at).map_or_else(Node::default, |row| row[0])
    }

    #[inline]
    fn node_mut(&mut self, at: u32) -> &mut Node<K, V> {
        &mut self.nodes.row_mut(at)[0]
    }

    /// The value of `key`.
    pub(crate) fn get(&self, root: u32, key: K) -> Option<V> {
        self.find(root, key).map(|at| self.node(at).value)
    }

    /// The value of `key`, to change in place.
    pub(crate) fn get_mut(&mut self, root: u32, key: K) -> Option<&mut V> {
        let at = self.find(root, key)?;
        Some(&mut self.node_mut(at).value)
    }

    /// The least key.
    pub(crate) fn first(&self, root: u32) -> Option<K> {
        self.outermost(root, |node| node.left)
    }

    /// The greatest key.
    pub(crate) fn last(&self, root: u32) -> Option<K> {
        self.outermost(root, |node| node.right)
    }

    /// The least key above `bound`, with its value.
    pub(crate) fn first_above(&self, root: u32, bound: K) -> Option<(K, V)> {
        let (mut at, mut best) = (root, None);
        while at != NIL {
            let node = self.node(at);
            if node.key > bound {
                best = Some((node.key, node.value));
                at = node.left;
            } else {
                at = node.right;
            }
        }
        best
    }

    /// The greatest key below `bound`.
    pub(crate) fn last_below(&self, root: u32, bound: K) -> Option<K> {
        let (mut at, mut best) = (root, None);
        while at != NIL {
            let node = self.node(at);
            if node.key < bound {
                best = Some(node.key);
                at = node.right;
            } else {
                at = node.left;
            }
        }
        best
    }

    /// The key that `towards` leads to: it is told what a node holds and what its left side does, and says on which
    /// side to go on, or that the node is it.
    pub(crate) fn search(&self, root: u32, mut towards: impl FnMut(V, V) -> Ordering) -> Option<K> {
        let mut at = root;
        while at != NIL {
            let node = self.node(at);
            at = match towards(node.value, self.node(node.left).value) {
                Ordering::Less => node.left,
                Ordering::Greater => node.right,
                Ordering::Equal => return Some(node.key),
            };
        }
        None
    }

    /// The tree with `key` set to `value`.
    #[must_use]
    pub(crate) fn insert(&mut self, root: u32, key: K, value: V) -> u32 {
        if root == NIL {
            return self.make(key, value);
        }
        let node = self.node(root);
        // Only the side that changed is looked at on the way back: the other one is rarely in a cache.
        match key.cmp(&node.key) {
            Ordering::Less => {
                let left = self.insert(node.left, key, value);
                self.set_left(root, node.left, left);
                self.sum(root);
                match self.skew(root) {
                    skewed if skewed != root => self.split(skewed),
                    _ => root,
                }
            }
            Ordering::Greater => {
                let right = self.insert(node.right, key, value);
                self.set_right(root, node.right, right);
                self.sum(root);
                self.split(root)
            }
            Ordering::Equal => {
                self.node_mut(root).value = value;
                self.sum(root);
                root
            }
        }
    }

    /// The tree without `key`.
    #[must_use]
    pub(crate) fn remove(&mut self, root: u32, key: K) -> u32 {
        if root == NIL {
            return NIL;
        }
        let node = self.node(root);
        let changed = match key.cmp(&node.key) {
            Ordering::Less => {
                let left = self.remove(node.left, key);
                self.set_left(root, node.left, left);
                left
            }
            Ordering::Greater => {
                let right = self.remove(node.right, key);
                self.set_right(root, node.right, right);
                right
            }
            Ordering::Equal => {
                if let (NIL, Some(next)) = (node.left, self.first(node.right)) {
                    let value = self.get(node.right, next).unwrap_or_default();
                    let right = self.remove(node.right, next);
                    *self.node_mut(root) = Node { key: next, value, right, ..node };
                    right
                } else if let Some(previous) = self.last(node.left) {
                    let value = self.get(node.left, previous).unwrap_or_default();
                    let left = self.remove(node.left, previous);
                    *self.node_mut(root) = Node { key: previous, value, left, ..node };
                    left
                } else {
                    self.release(root);
                    return NIL;
                }
            }
        };
        self.sum(root);
        self.rebalance(root, changed)
    }

    /// Gives a whole tree back at once; its nodes are taken apart by later insertions.
    pub(crate) fn discard(&mut self, root: u32) {
        if root != NIL {
            self.node_mut(root).level = self.discarded;
            self.discarded = root;
            self.listed += 1;
        }
    }

    /// Nodes that can be had at least, of at most so many ever made.
    #[inline]
    pub(crate) fn room(&self, most: u32) -> usize {
        self.listed as usize + most.saturating_sub(self.made) as usize
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.bytes()
    }

    fn find(&self, root: u32, key: K) -> Option<u32> {
        let mut at = root;
        while at != NIL {
            let node = self.node(at);
            at = match key.cmp(&node.key) {
                Ordering::Less => node.left,
                Ordering::Greater => node.right,
                Ordering::Equal => return Some(at),
            };
        }
        None
    }

    fn outermost(&self, root: u32, next: impl Fn(&Node<K, V>) -> u32) -> Option<K> {
        let (mut at, mut key) = (root, None);
        while at != NIL {
            let node = self.node(at);
            key = Some(node.key);
            at = next(&node);
        }
        key
    }

    #[inline]
    fn set_left(&mut self, root: u32, before: u32, left: u32) {
        if left != before {
            self.node_mut(root).left = left;
        }
    }

    #[inline]
    fn set_right(&mut self, root: u32, before: u32, right: u32) {
        if right != before {
            self.node_mut(root).right = right;
        }
    }

    fn make(&mut self, key: K, value: V) -> u32 {
        let at = self.spare();
        *self.node_mut(at) = Node { key, value, left: NIL, right: NIL, level: 1 };
        at
    }

    fn spare(&mut self) -> u32 {
        if self.free != NIL {
            let at = self.free;
            self.free = self.node(at).left;
            self.listed -= 1;
            return at;
        }
        if self.discarded != NIL {
            let at = self.discarded;
            let node = self.node(at);
            self.discarded = node.level;
            self.listed -= 1;
            self.discard(node.left);
            self.discard(node.right);
            return at;
        }
        let at = self.made;
        self.made += 1;
        self.nodes.reach(at);
        at
    }

    fn release(&mut self, at: u32) {
        let free = self.free;
        *self.node_mut(at) = Node { left: free, ..Node::default() };
        self.free = at;
        self.listed += 1;
    }

    /// Sums a node up anew, whose sides are right.
    #[inline]
    fn sum(&mut self, at: u32) {
        if V::SUMS {
            let node = self.node(at);
            let (left, right) = (self.node(node.left).value, self.node(node.right).value);
            self.node_mut(at).value = node.value.with_below(left, right);
        }
    }

    fn skew(&mut self, root: u32) -> u32 {
        let node = self.node(root);
        let left = self.node(node.left);
        if node.left == NIL || left.level != node.level {
            return root;
        }
        self.node_mut(root).left = left.right;
        self.node_mut(node.left).right = root;
        self.sum(root);
        self.sum(node.left);
        node.left
    }

    fn split(&mut self, root: u32) -> u32 {
        let node = self.node(root);
        let right = self.node(node.right);
        if right.level != node.level || self.node(right.right).level != node.level {
            return root;
        }
        self.node_mut(root).right = right.left;
        *self.node_mut(node.right) = Node { left: root, level: right.level + 1, ..right };
        self.sum(root);
        self.sum(node.right);
        node.right
    }

    /// Brings a tree into order after something was taken out on the side of `changed`.
    fn rebalance(&mut self, root: u32, changed: u32) -> u32 {
        let node = self.node(root);
        let level = 1 + self.node(changed).level;
        if level >= node.level {
            return root;
        }
        self.node_mut(root).level = level;
        if self.node(node.right).level > level {
            self.node_mut(node.right).level = level;
        }
        let root = self.skew(root);
        let right = self.node(root).right;
        if right != NIL {
            let right = self.skew(right);
            self.node_mut(root).right = right;
            let outer = self.node(right).right;
            if outer != NIL {
                let outer = self.skew(outer);
                self.node_mut(right).right = outer;
            }
        }
        let root = self.split(root);
        let right = self.node(root).right;
        if right != NIL {
            let right = self.split(right);
            self.node_mut(root).right = right;
        }
        root
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl Held for i64 {}

    fn depth(forest: &Forest<i64, i64>, at: u32) -> u32 {
        let node = forest.node(at);
        if at == NIL { 0 } else { 1 + depth(forest, node.left).max(depth(forest, node.right)) }
    }

    /// An AA tree's rule: left sides are one level lower, right ones at most one, and no two right links keep a level.
    fn in_order(forest: &Forest<i64, i64>, at: u32) -> bool {
        let node = forest.node(at);
        let (left, right) = (forest.node(node.left), forest.node(node.right));
        at == NIL
            || left.level + 1 == node.level
                && right.level + 1 >= node.level
                && right.level <= node.level
                && forest.node(right.right).level < node.level
                && in_order(forest, node.left)
                && in_order(forest, node.right)
    }

    proptest! {
        #[test]
        fn agrees_with_a_btree_map(steps in prop::collection::vec((0_i64..40, any::<bool>(), 0_usize..3), 1..400)) {
            let mut forest = Forest::new();
            let mut roots = [NIL; 3];
            let mut maps = [const { BTreeMap::new() }; 3];
            for (n, (key, insert, tree)) in steps.into_iter().enumerate() {
                if insert {
                    roots[tree] = forest.insert(roots[tree], key, n as i64);
                    maps[tree].insert(key, n as i64);
                } else {
                    roots[tree] = forest.remove(roots[tree], key);
                    maps[tree].remove(&key);
                }
                for (root, map) in roots.iter().zip(&maps) {
                    prop_assert!(in_order(&forest, *root));
                    prop_assert_eq!(forest.first(*root), map.keys().next().copied());
                    prop_assert_eq!(forest.last(*root), map.keys().last().copied());
                    prop_assert_eq!(forest.get(*root, key), map.get(&key).copied());
                    prop_assert_eq!(
                        forest.first_above(*root, key),
                        map.range(key + 1..).next().map(|(k, v)| (*k, *v))
                    );
                    prop_assert_eq!(
                        forest.last_below(*root, key),
                        map.range(..key).next_back().map(|(k, _)| *k)
                    );
                }
                if n % 50 == 49 {
                    forest.discard(roots[tree]);
                    roots[tree] = NIL;
                    maps[tree].clear();
                }
            }
        }
    }

    #[test]
    fn stays_shallow_on_sorted_input_and_uses_nodes_again() {
        let mut forest = Forest::new();
        let mut root = NIL;
        for key in 0..100_000_i64 {
            root = forest.insert(root, key, key);
        }
        assert!(depth(&forest, root) <= 34, "{} levels", depth(&forest, root));
        for key in 0..99_000 {
            root = forest.remove(root, key);
        }
        assert_eq!(forest.first(root), Some(99_000));
        let made = forest.made;
        forest.discard(root);
        root = NIL;
        for key in 0..100_000_i64 {
            root = forest.insert(root, key, key);
        }
        assert_eq!(forest.made, made);
    }
}
