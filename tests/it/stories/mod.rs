//! What must happen to a debtor, told end to end in field words: the real store, rulebook, scheduler and dispatcher on
//! a virtual clock, with carriers that keep what they were handed.

mod answers;
mod carriers;
mod money;
mod pauses;
mod people;
mod policies;
mod timing;
mod together;
mod unsubscribe;
mod why_not;
pub(crate) mod world;
