//! Marks: what is true of a situation, yes or no. Deeds: what an event of the past was. Rules name them in `when`.
//!
//! A mark is set only when its fact is on record; what nobody has said is not marked. Whoever adds a word here adds
//! the line that sets it, for situations of the store and for those of `policy eval`.

use crate::domain::words;

use super::sets::bits;

words! {
    /// Something that is true of an attempt, its file or its recipient.
    Mark as "mark" {
        // the message and its envelope
        /// The message speaks of the debt (assumed unless the contrary is known).
        MentionsDebt = "mentions_debt",
        /// The speaker gives a name.
        IdentifiesSelf = "identifies_self",
        /// The name given shows that it collects.
        NameRevealsCollection = "name_reveals_collection",
        /// Sent or dialled by a machine, or a recorded voice.
        Automated = "automated",
        /// An electronic message without a way to opt out.
        NoOptOut = "no_opt_out",
        /// A postcard.
        Postcard = "postcard",
        /// Other open paper, or a fax that others see.
        OpenPaper = "open_paper",
        /// Something on the envelope shows that a debt is collected.
        EnvelopeShowsDebt = "envelope_shows_debt",
        /// Addressed to nobody by name.
        EnvelopeUnnamed = "envelope_unnamed",
        /// Not marked as private where it has to be.
        EnvelopeUnmarked = "envelope_unmarked",
        /// Sent to several people of one name.
        MassMailing = "mass_mailing",
        /// Visible to the public or to the person's contacts.
        Public = "public",
        /// The number of the caller is hidden.
        HiddenCaller = "hidden_caller",
        /// A letter of a lawyer.
        LawyerLetter = "lawyer_letter",
        /// A licence or registration is on record.
        Licence = "licence",
        /// A mandate is on record.
        Mandate = "mandate",
        /// The firm's seal is on it.
        FirmSeal = "firm_seal",
        /// The first communication about this debt with this person.
        FirstContact = "first_contact",
        /// Not the first.
        LaterContact = "later_contact",
        /// The first in writing.
        FirstWritten = "first_written",
        /// A voicemail of limited content, whole and without more.
        LimitedContent = "limited_content",
        /// Meant as a voicemail of limited content, but it is none.
        LimitedContentBroken = "limited_content_broken",
        /// More is in it than the bare confirmation.
        MoreThanConfirmation = "more_than_confirmation",
        /// An answer to what the person wrote or asked in this medium.
        Answer = "answer",
        // the address
        /// The address or number is known to be bad.
        AddressBad = "address_bad",
        /// The address was found otherwise than from the creditor.
        AddressTraced = "address_traced",
        /// An e-mail address known to come from the employer.
        EmployerEmail = "employer_email",
        /// The domain is open to the public.
        PublicDomain = "public_domain",
        /// The creditor used the address for the account.
        CreditorUsed = "creditor_used",
        /// The person used this address with the collector.
        BasisOwnUse = "basis_own_use",
        /// The person consented directly.
        BasisDirectConsent = "basis_direct_consent",
        /// The person texted from it.
        BasisTexted = "basis_texted",
        /// The creditor's notice and its term.
        BasisCreditorNotice = "basis_creditor_notice",
        /// It stands in the creditor's file, no more.
        BasisCreditorFile = "basis_creditor_file",
        /// The number was checked as not reassigned.
        NumberChecked = "number_checked",
        /// The file has a contact at home.
        HasHomeContact = "has_home_contact",
        /// Contact at home was tried and failed.
        TriedHome = "tried_home",
        /// The person permits contact at work.
        WorkPermitted = "work_permitted",
        /// The employer forbids such calls.
        EmployerForbids = "employer_forbids",
        /// The voicemail box is shared.
        SharedMailbox = "shared_mailbox",
        /// There is no other way to reach the person.
        NoOtherWay = "no_other_way_to_reach",
        // who it is
        /// It is not established that this is the debtor.
        IdentityUnverified = "identity_unverified",
        /// Only a part of the particulars matches.
        IdentityDoubtful = "identity_doubtful",
        /// The debtor cannot be reached.
        DebtorUnreachable = "debtor_unreachable",
        /// The debtor has died.
        DebtorDeceased = "debtor_deceased",
        /// The debtor is a minor.
        DebtorMinor = "debtor_minor",
        /// The debtor lacks capacity.
        DebtorIncapable = "debtor_incapable",
        /// The recipient has died.
        RecipientDeceased = "recipient_deceased",
        /// The recipient is a minor or without capacity.
        RecipientMinor = "recipient_minor",
        /// The contact was harvested from a phone book or contact list.
        HarvestedContact = "harvested_contact",
        /// The recipient shares the debt.
        SharesDebt = "shares_debt",
        /// A debt of the household.
        HouseholdDebt = "household_debt",
        /// The debtor gave consent that this person be spoken to.
        ThirdPartyConsent = "third_party_consent",
        // what the person said, and what stands
        /// Asked that this medium not be used.
        StoppedMedium = "stopped_medium",
        /// Asked that this address not be used.
        StoppedAddress = "stopped_address",
        /// Asked that this place not be used.
        StoppedPlace = "stopped_place",
        /// Asked that place orally and confirmed it in writing in time.
        StoppedPlaceConfirmed = "stopped_place_confirmed",
        /// Took back the consent to automated contact, in any reasonable words.
        ConsentWithdrawn = "consent_withdrawn",
        /// Consent to this medium is on record.
        MediumConsent = "medium_consent",
        /// Consent in writing to this medium for this debt is on record.
        WrittenConsent = "written_consent",
        /// The recipient asked that contact cease.
        Cease = "cease",
        /// The same in writing.
        CeaseWritten = "cease_written",
        /// Refused to pay.
        Refused = "refused",
        /// Refused in writing.
        RefusedWritten = "refused_written",
        /// A dispute is open.
        Disputed = "disputed",
        /// A dispute in writing and within its period is open.
        DisputedInTime = "disputed_in_time",
        /// The message calls the disputed debt disputed.
        CalledDisputed = "called_disputed",
        /// A lawyer acts for the person in these debts.
        Counsel = "counsel",
        /// The same by written notice.
        CounselWritten = "counsel_written",
        /// The lawyer has not answered for a reasonable time.
        CounselSilent = "counsel_silent",
        /// The recipient is asked to deal with an adviser only, in writing.
        AdviserOnly = "adviser_only",
        /// A request to adjust the debt is unanswered.
        RestructureOpen = "restructure_open",
        /// The recipient asked about the debt.
        AsksAboutDebt = "asks_about_debt",
        /// The contact point belongs to somebody else.
        WrongParty = "wrong_party",
        /// Insolvency proceedings or an automatic stay.
        Insolvency = "insolvency",
        /// The debt was discharged.
        Discharged = "discharged",
        /// A statutory breathing space or moratorium.
        BreathingSpace = "breathing_space",
        /// An order of the police.
        PoliceOrder = "police_order",
        /// An arrangement is in force and kept.
        ArrangementKept = "arrangement_kept",
        /// A programme of payment under the law.
        PaymentProgramme = "payment_programme",
        /// The debt is past its limitation period.
        TimeBarred = "time_barred",
        /// The succession is open: neither accepted nor renounced.
        SuccessionOpen = "succession_open",
        /// The succession was renounced.
        SuccessionRenounced = "succession_renounced",
        /// A suit about existence or scope is pending.
        Litigation = "litigation",
        /// Hardship is under review.
        Hardship = "hardship",
        /// A complaint is being handled.
        Complaint = "complaint",
        /// Settled.
        Settled = "settled",
        /// Taken back or written off.
        Closed = "closed",
        /// The claim was transferred to a purchaser.
        Transferred = "transferred",
        /// The agency stands on the public list.
        AgencyListed = "agency_listed",
        /// The agency is known not to stand on the public list.
        AgencyUnlisted = "agency_unlisted",
        /// The creditor is a bank.
        BankCreditor = "bank_creditor",
        /// The person agreed to details by text.
        DetailsByTextAgreed = "details_by_text_agreed",
        /// Interest is claimed.
        InterestClaimed = "interest_claimed",
        /// Costs are claimed.
        CostsClaimed = "costs_claimed",
        /// The debt is due for more than the days that a rule asks is judged by `days_overdue`; this says nothing is due.
        NotDue = "not_due",
        /// The working hours of the person are known.
        WorkingHoursKnown = "working_hours_known",
    }
}

words! {
    /// What an event of the past was, where a rule asks for it.
    Deed as "deed" {
        /// The first written notice of the collector.
        InitialNotice = "initial_notice",
        /// A notice of payment.
        NoticeOfPayment = "notice_of_payment",
        /// The validation notice.
        ValidationNotice = "validation_notice",
        /// The answer to a dispute.
        Verification = "verification",
        /// The creditor's notice that an e-mail address is handed on.
        EmailTransferNotice = "email_transfer_notice",
        /// The letter that opens the term of fourteen days.
        FourteenDayLetter = "fourteen_day_letter",
        /// The notice about a medical debt in Nevada.
        MedicalNotice = "nv_medical_notice",
        /// The notice that an agency will act.
        AgencyNotice = "agency_notice",
        /// The letter about a transfer of the claim.
        TransferLetter = "transfer_letter",
        /// The answer to a request to adjust the debt.
        RestructureAnswer = "restructure_answer",
        /// A complete first letter.
        FirstLetter = "first_letter",
        /// An enquiry for the whereabouts of the debtor.
        LocationEnquiry = "location_enquiry",
        /// A request for consent.
        ConsentRequest = "consent_request",
        /// The person wrote to us from this address.
        InboundHere = "inbound_here",
        /// The person wrote or called, anywhere.
        Inbound = "inbound",
        /// Something went out to this person.
        Outbound = "outbound",
        /// Something in writing went out to this person.
        OutboundWritten = "outbound_written",
        /// A conversation took place.
        Conversation = "conversation",
        /// An attempt on the debtor's own number failed.
        OwnNumberFailed = "own_number_failed",
        /// The debtor's own number turned out to be invalid.
        OwnNumberInvalid = "own_number_invalid",
        /// Asked orally that this place not be used.
        StopPlaceOral = "stop_place_oral",
        /// Asked in writing that this place not be used.
        StopPlaceWritten = "stop_place_written",
        /// Confirmed an opt-out.
        OptOutConfirmation = "opt_out_confirmation",
        /// Failed for good or came back.
        Failed = "failed",
    }
}

words! {
    /// A day that the file names; a hold ends with the opening of the day after it.
    NamedDay as "named day" {
        /// Until when the person may opt out of the use of an e-mail address.
        OptOutDeadline = "opt_out_deadline",
        /// The last day of the term of fourteen days.
        FourteenDayTerm = "fourteen_day_term",
        /// The end of the validation period.
        ValidationEnds = "validation_period_ends",
    }
}

bits!(Mark, Deed, NamedDay);
