//! The words that rules and facts share: media, senders, roles, outcomes, marks of a situation and deeds of the past.
//!
//! A word here is a word in `policy.toml`. What a mark or a deed means is said beside it; whoever adds one adds the
//! line of `guard` that finds it.

use crate::domain::{Channel, words};

use super::sets::{Set, bits};

words! {
    /// How a contact is made.
    Medium as "channel" {
        /// Telephone, robots included. The older word `call` reads as the same.
        Voice = "voice",
        /// Text message.
        Sms = "sms",
        /// E-mail.
        Email = "email",
        /// Paper.
        Letter = "letter",
        /// Chat of a company account or messenger.
        Im = "im",
        /// At the door or at work, in person.
        Visit = "visit",
        /// Private message in a social network.
        PrivateMessage = "private_message",
        /// The debtor's own pages at the sender.
        WebPortal = "web_portal",
        /// A post in a social network.
        Social = "social",
    }
}

words! {
    /// A class of records, for how long they are kept.
    RecordClass as "class of records" {
        /// Who somebody is and what is owed: names, debts, payments, disputes, fingerprints of imported rows. The last to
        /// go, with everything else.
        Account = "account",
        /// Telephone numbers, e-mail and postal addresses.
        Addresses = "addresses",
        /// The words of messages and what they were made from.
        Content = "content",
        /// The facts that decisions rest on.
        Decisions = "decisions",
        /// What providers sent about messages.
        Receipts = "receipts",
        /// What people answered.
        Replies = "replies",
        /// Receipts and answers of which nobody knows whom they concern. Only rules that name them speak of them.
        Strangers = "strangers",
        /// Recordings of calls; this program holds none.
        Recordings = "recordings",
        /// Reports of impact assessments; this program holds none.
        Assessments = "assessments",
        /// Logs of networks and machines; this program holds none.
        NetworkLogs = "network_logs",
    }
}

impl RecordClass {
    /// What this program holds about a debt and the people of it.
    pub const KNOWN: &'static [RecordClass] = &[
        RecordClass::Content,
        RecordClass::Decisions,
        RecordClass::Receipts,
        RecordClass::Replies,
        RecordClass::Addresses,
        RecordClass::Account,
    ];

    /// Whether records of it belong to a person rather than to one debt.
    pub fn of_people(self) -> bool {
        matches!(self, RecordClass::Replies | RecordClass::Addresses)
    }
}

impl From<Channel> for Medium {
    fn from(channel: Channel) -> Medium {
        match channel {
            Channel::Sms => Medium::Sms,
            Channel::Email => Medium::Email,
            Channel::Letter => Medium::Letter,
            Channel::Call => Medium::Voice,
        }
    }
}

impl Medium {
    /// Media that have a clock; nobody chooses the minute at which a letter is read.
    pub fn timed() -> Set<Medium> {
        Set::all().without(Medium::Letter)
    }
}

words! {
    /// What a sender is. The first three are classes: `agency` covers everybody who collects for others or has bought
    /// the debt, `creditor` everybody who is owed.
    SenderWord as "sender" {
        /// Is owed, whatever its trade.
        Creditor = "creditor",
        /// Collects for others, or debts it has bought.
        Agency = "agency",
        /// A law firm under a mandate.
        LawFirm = "law_firm",
        /// An agency with a registration for collecting.
        RegisteredCollector = "registered_collection_service",
        /// Services credits for a purchaser.
        CreditServicer = "credit_servicer",
        /// Has bought the debt.
        DebtBuyer = "debt_buyer",
        /// A bank in its own name.
        Bank = "bank",
        /// Grants credit beside its trade.
        CreditGrantor = "credit_grantor",
        /// A lender with a licence.
        LicensedLender = "licensed_lender",
        /// A consumer finance company.
        ConsumerFinance = "consumer_finance_company",
        /// A registered money lender.
        MoneyLender = "money_lender",
        /// A lender under federal law of Canada.
        FederalLender = "federal_lender",
    }
}

words! {
    /// Whether a debt is a consumer's or of a business.
    DebtKind as "kind of debt" {
        /// For personal, family or household purposes.
        Consumer = "consumer",
        /// For business.
        Business = "business",
    }
}

words! {
    /// What a debt arose from. The first is a class: everything that is lent.
    Claim as "kind of claim" {
        /// Loans, cards and credit of every kind.
        Financial = "financial",
        /// Goods or services between businesses.
        TradeReceivable = "trade_receivable",
        /// Credit card of a bank.
        CreditCard = "credit_card",
        /// Consumer loan of a bank or finance company.
        ConsumerLoan = "consumer_loan",
        /// Consumer credit granted over the internet.
        OnlineConsumerLoan = "online_consumer_loan",
        /// Mortgage or other secured loan.
        SecuredLoan = "secured_loan",
        /// Student loan.
        StudentLoan = "student_loan",
        /// Loan for a vehicle.
        VehicleLoan = "vehicle_loan",
        /// Microfinance loan.
        Microfinance = "microfinance",
        /// Other loan to a person.
        PersonalLoan = "personal_loan",
        /// Telephone, power, water and the like.
        Utility = "utility",
        /// Telephone.
        Telecom = "telecom",
        /// Rent.
        Rent = "rent",
        /// Medical bills.
        Medical = "medical",
        /// Anything else.
        Other = "other",
    }
}

words! {
    /// What a contact is for. The first is a class: everything that asks for payment.
    Aim as "purpose" {
        /// Asks for payment, in whatever form.
        Collection = "collection",
        /// Demands payment.
        PaymentDemand = "payment_demand",
        /// Reminds of a payment.
        PaymentReminder = "payment_reminder",
        /// Offers a settlement or a plan.
        SettlementOffer = "settlement_offer",
        /// A notice that law or contract requires. `legally_required_notice` reads as the same.
        StatutoryNotice = "statutory_notice",
        /// Says that efforts end.
        EffortsEnd = "advise_efforts_terminated",
        /// Says that remedies may be invoked.
        RemediesPossible = "advise_remedies_may_be_invoked",
        /// Says that a named remedy is intended.
        RemedyIntended = "notify_specified_remedy_intended",
        /// Confirms an opt-out and says nothing else.
        OptOutConfirmation = "opt_out_confirmation",
        /// Confirms a payment.
        PaymentConfirmation = "payment_confirmation",
        /// Asks for consent to a medium.
        ConsentRequest = "ask_for_electronic_consent",
        /// Asks where the debtor can be reached.
        Location = "location_information",
        /// Asks to pass on a request to call.
        Relay = "relay_request",
        /// Answers the person's own enquiry.
        Reply = "reply",
        /// Thanks, confirms, informs; asks for nothing.
        ServiceInfo = "service_info",
        /// Verifies who somebody is.
        IdentityCheck = "identity_verification",
    }
}

impl Aim {
    /// The aim and its class.
    pub fn with_class(self) -> Set<Aim> {
        match self {
            Aim::PaymentDemand | Aim::PaymentReminder | Aim::SettlementOffer => {
                Set::of(&[self, Aim::Collection])
            }
            _ => Set::of(&[self]),
        }
    }
}

words! {
    /// What somebody is to the debt.
    RoleWord as "role" {
        /// Owes.
        Debtor = "debtor",
        /// Answers for the debt by a guarantee.
        Guarantor = "guarantor",
        /// Signed the loan beside the debtor.
        CoMaker = "co_maker",
        /// Guardian of a minor or of a person without capacity.
        Guardian = "guardian",
        /// Administers the estate of a dead debtor.
        Executor = "executor",
        /// Inherits from a dead debtor.
        Heir = "heir",
        /// The debtor's lawyer or adviser.
        Counsel = "counsel",
        /// Named by the debtor as a contact.
        ContactPerson = "contact_person",
        /// Shares the debt by law, as a spouse a household debt.
        SharesDebt = "shares_debt",
        /// Anybody else.
        ThirdParty = "third_party",
    }
}

words! {
    /// How somebody is related to the debtor.
    Relation as "relation" {
        /// Husband, wife, registered partner.
        Spouse = "spouse",
        /// Father or mother.
        Parent = "parent",
        /// Son or daughter.
        Child = "child",
        /// Brother or sister.
        Sibling = "sibling",
        /// Any other relative.
        Relative = "relative",
        /// Employs the debtor.
        Employer = "employer",
        /// Works with the debtor.
        Colleague = "colleague",
        /// A friend.
        Friend = "friend",
        /// A neighbour.
        Neighbour = "neighbour",
        /// A referee named in the application.
        Referee = "referee",
        /// Anything else, or unknown.
        Other = "other",
    }
}

words! {
    /// What a contact point is.
    Place as "place" {
        /// The person's own, reached anywhere: a mobile, a private mailbox.
        Own = "own",
        /// At home, possibly shared with the household.
        Home = "home",
        /// At the place of work.
        Workplace = "workplace",
        /// A direct line of the person's own at work.
        WorkDirect = "work_direct",
        /// The office of a company that is itself the debtor.
        Office = "office",
        /// Used by several people.
        Shared = "shared",
        /// Anywhere else.
        Elsewhere = "elsewhere",
    }
}

words! {
    /// How a contact ended.
    Ended as "outcome" {
        /// A conversation took place.
        Conversation = "answered_conversation",
        /// Picked up, no conversation.
        NoDiscussion = "answered_no_discussion",
        /// Picked up and hung up.
        HungUp = "answered_then_hung_up",
        /// Picked up, then cut off.
        Dropped = "answered_dropped",
        /// A message was left.
        Voicemail = "voicemail",
        /// The mailbox was reached, no message could be left.
        MailboxFull = "voicemail_mailbox_full",
        /// Rang out.
        NoAnswer = "no_answer",
        /// A recording says that no message can be left.
        Recording = "recorded_message_cannot_leave",
        /// Busy.
        Busy = "busy",
        /// Out of service.
        NotInService = "not_in_service",
        /// No such number.
        NumberInvalid = "number_invalid",
        /// Handed over, or delivered; not known to have failed.
        HandedOver = "delivered",
        /// Failed for good.
        Undeliverable = "undeliverable",
        /// Came back by post.
        Returned = "returned_undeliverable",
        /// A call or visit that nobody has logged the end of; counts wherever any outcome counts.
        Unlogged = "unlogged",
    }
}

words! {
    /// What a cap counts.
    Counts as "way of counting" {
        /// Every attempt, however it ended.
        Attempts = "attempts",
        /// Attempts that were connected to the number: not busy, not out of service.
        Placed = "placed",
        /// Contacts made: messages, letters, voicemail and answered calls.
        Contacts = "contacts",
        /// Contacts made, less what failed for good: the person may have learnt of it.
        Delivered = "delivered",
        /// Answered calls.
        Connected = "connected",
        /// Conversations.
        Conversations = "conversations",
        /// Calls that nobody answered.
        Unanswered = "unanswered",
    }
}

impl Counts {
    /// The outcomes that take a place.
    pub fn outcomes(self) -> Set<Ended> {
        use Ended::*;
        let answered = Set::of(&[Conversation, NoDiscussion, HungUp, Dropped, Unlogged]);
        let failed = [Undeliverable, Returned];
        let made = answered.and(Set::of(&[Voicemail, HandedOver]));
        match self {
            Counts::Attempts => Set::all(),
            Counts::Placed => Set::all()
                .without(Busy)
                .without(NotInService)
                .without(NumberInvalid),
            Counts::Contacts => made.and(Set::of(&failed)),
            Counts::Delivered => made,
            Counts::Connected => answered,
            Counts::Conversations => Set::of(&[Conversation, Unlogged]),
            Counts::Unanswered => Set::of(&[
                Voicemail,
                MailboxFull,
                NoAnswer,
                Recording,
                Busy,
                NotInService,
                NumberInvalid,
                Unlogged,
            ]),
        }
    }
}

words! {
    /// What is left out of a cap: it takes no place, and an attempt of the kind is not stopped.
    Exclusion as "exclusion" {
        /// An answer to the person's enquiry on the same local day.
        ReplySameDay = "reply_same_day",
        /// An answer to the person's enquiry.
        Reply = "reply",
        /// What the person asked for: a call back, a contact at a time of their choice.
        Requested = "requested",
        /// Later messages of a conversation in writing that is one contact.
        Thread = "thread",
        /// A call under a consent that takes it out of the count.
        Consent = "consent",
        /// The attempt under a consent is not stopped, but earlier contacts under one count.
        ConsentNow = "consent_for_this_call",
    }
}

words! {
    /// Whose place a cap counts; several together count only what shares all of them.
    CapOn as "key of a cap" {
        /// The person, over all debts and addresses.
        Person = "person",
        /// The person, and what went to the spouse about the debt.
        PersonOrSpouse = "person_or_spouse",
        /// The debt, over all persons.
        Debt = "debt",
        /// The address or number, whoever uses it.
        Address = "address",
        /// The collector: only one's own contacts.
        Collector = "collector",
        /// The creditor with all its collectors.
        Creditor = "creditor",
    }
}

words! {
    /// When a cap begins to count.
    Since as "start of a count" {
        /// After the first conversation with the person about the debt.
        FirstConversation = "first_conversation",
    }
}

words! {
    /// Where the windows of a rule come from when the rule itself has none.
    FactWindow as "window from the file" {
        /// The window that the house applies where the law has none.
        House = "house_window",
        /// The hours agreed in the contract.
        Contract = "contract_times",
        /// The person's working hours.
        Working = "working_hours",
    }
}

bits!(
    Medium, SenderWord, DebtKind, Claim, Aim, RoleWord, Relation, Place, Ended, Counts, Exclusion, CapOn,
);
