//! The words of the domain as rules know them: standing suppressions as marks, contact points as places, roles with their
//! relation.

use super::marks::Mark;
use super::sets::Set;
use super::vocab::{Place, Relation, RoleWord};
use crate::domain::{ContactUse, Role, SuppressionReason};

/// The marks that a standing suppression sets.
pub(crate) fn marks_of(reason: SuppressionReason) -> Set<Mark> {
    use SuppressionReason::*;
    match reason {
        OptOut => Set::of(&[Mark::StoppedMedium, Mark::StoppedAddress, Mark::ConsentWithdrawn]),
        // What stands in the store is on record, so it counts as written.
        CeaseCommunication => Set::of(&[Mark::Cease, Mark::CeaseWritten]),
        Counsel => Set::of(&[Mark::Counsel, Mark::CounselWritten]),
        Insolvency => Set::of(&[Mark::Insolvency]),
        Death => Set::of(&[Mark::RecipientDeceased]),
        Minor => Set::of(&[Mark::RecipientMinor]),
        WrongParty => Set::of(&[Mark::WrongParty]),
        Unreachable => Set::of(&[Mark::AddressBad]),
        PoliceOrder => Set::of(&[Mark::PoliceOrder]),
        BreathingSpace => Set::of(&[Mark::BreathingSpace]),
        Hardship => Set::of(&[Mark::Hardship]),
        Complaint => Set::of(&[Mark::Complaint]),
        // What an answer means is not known yet; the core rule holds.
        OpenReply => Set::EMPTY,
    }
}

/// What the domain calls a use of a contact point, as a place.
pub(crate) fn place_of(usage: ContactUse) -> Place {
    match usage {
        ContactUse::Own => Place::Own,
        ContactUse::Home => Place::Home,
        ContactUse::Shared => Place::Shared,
        ContactUse::Workplace => Place::Workplace,
        ContactUse::Office => Place::Office,
    }
}

/// What the domain calls a role, as rules know it; with the relation, where the role says it.
pub(crate) fn role_of(role: Role) -> (RoleWord, Option<Relation>) {
    match role {
        Role::Debtor => (RoleWord::Debtor, None),
        Role::Guarantor => (RoleWord::Guarantor, None),
        Role::Executor => (RoleWord::Executor, None),
        Role::Guardian => (RoleWord::Guardian, None),
        Role::Counsel => (RoleWord::Counsel, None),
        Role::ContactReference => (RoleWord::ContactPerson, None),
        Role::Employer => (RoleWord::ThirdParty, Some(Relation::Employer)),
        Role::Spouse => (RoleWord::ThirdParty, Some(Relation::Spouse)),
    }
}
