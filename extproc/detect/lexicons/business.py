"""What `mnpi-filter`, `financial-compliance`, `healthcare-compliance` and `upl-filter` know: news that moves prices before
it is out (17 CFR 243, Regulation FD), promises and advice that need a licence (FINRA rule 2210, FD&C Act section 201(h),
the states' rules on the unauthorized practice of law).
"""

from __future__ import annotations

from extproc.detect.lexicon import Vocabulary

_NEWS = (
    "earnings|quarterly (?:results|numbers|revenue)|q[1-4] (?:results|numbers|revenue|earnings)|guidance|merger|acquisition|takeover"
    "|buyout|tender offer|divestiture|stock split|dividend (?:cut|increase)|offering|restatement|bankruptcy filing|trial results"
    "|fda (?:decision|approval)|layoffs|ceo (?:departure|resignation)|deal"
)
_UNSAID = (
    "unreleased|unannounced|undisclosed|unpublished|non-?public|not yet (?:public|announced|disclosed|released)|before (?:it is|it's|they are|they're|we) (?:public|announced?|disclosed?|release)"
    "|embargoed|pre-?announcement|ahead of the (?:announcement|press release|earnings (?:call|release))|has(?:n't| not) been (?:announced|disclosed|made public)"
)

MNPI = Vocabulary(
    terms=(
        "material non-public information", "material nonpublic information", "mnpi", "insider tip", "insider information",
        "restricted list", "wall-crossed", "wall crossing", "pending merger", "draft earnings release", "deal room",
    ),
    pairs=(
            (_UNSAID, _NEWS, 5),
            (_NEWS, _UNSAID, 8),
            ("trad(?:e|ing)|buy(?:ing)?|sell(?:ing)?|short(?:ing)?", f"(?:{_UNSAID})", 8),
        ),
)  # fmt: skip

PROMISES = Vocabulary(
    terms=("guaranteed return", "guaranteed profit", "risk-free return", "risk-free profit", "risk-free investment", "can't lose", "double your money"),
    expressions=(
            r"\b(?:i|we)(?:'d| would)? (?:strongly |highly )?(?:recommend|advise|suggest) (?:that )?(?:you )?(?:to )?(?:buy|sell|short|invest|put|purchas)(?:ing|e)?\b",
            r"\b(?:will|is going to|are going to|is certain to|is sure to) (?:(?:definitely|certainly|surely) (?:double|triple|go up)|skyrocket|outperform the market|make you (?:rich|money))\b",
            r"\b(?:no|zero|without(?: any)?) risk of (?:loss|losing)\b",
        ),
        pairs=(
            ("guarantee[sd]?|promise[sd]?|assured?", "returns?|profits?|gains?|yield", 4),
            ("you (?:should|must|need to|ought to)|go ahead and", "buy|sell|short|invest in|dump|load up on|put (?:all |most )?(?:of )?your (?:savings|money|retirement)", 3),
        ),
)  # fmt: skip

_ILLNESS = (
    "cancer|diabetes|depression|pneumonia|a (?:heart attack|tumou?r|fracture|concussion)|lupus|adhd|asthma|hypertension|covid|hepatitis"
    "|an? (?:infection|ulcer|hernia)|bipolar disorder|lyme disease|appendicitis|anemia|arthritis|melanoma"
)

CLAIMS = Vocabulary(
    terms=("miracle cure", "guaranteed cure", "cures cancer", "no need to see a doctor", "no side effects whatsoever"),
    expressions=(
        r"\b(?:this|it|these|that|which)(?: (?:tea|supplement|product|remedy|herb|oil|diet|treatment|drug|cream))? (?:will|can) (?:completely |permanently |definitely )?cure\b",
        r"\byou (?:do not|don't|needn't|won't) (?:really )?need (?:to (?:see|consult|visit|call) )?(?:a |an |your |any )?(?:doctor|physician|specialist|ambulance|medical (?:help|attention))\b",
        r"\b(?:completely|perfectly|100 ?%) safe (?:for you )?(?:to (?:take|use|mix|combine))\b",
    ),
    pairs=(
        ("(?:stop|quit|discontinue|skip) (?:taking )?(?:your|the)", "medications?|meds|insulin|antibiotics?|antidepressants?|blood thinners?|pills|prescription", 1),
    ),
)  # fmt: skip
DIAGNOSES = Vocabulary(
    expressions=(
        rf"\byou (?:probably |likely |definitely |clearly |almost certainly |most likely )?(?:have|are suffering from|suffer from|are having) (?:{_ILLNESS})\b",
        rf"\b(?:this|it) is (?:definitely |clearly |almost certainly )(?:{_ILLNESS})\b",
        r"\byou (?:are having|have had|are about to have|had) a stroke\b|\bmy diagnosis is\b|\bi (?:diagnose|am diagnosing) you\b",
    ),
    pairs=(
        ("take|increase (?:your|the) dose to|give (?:him|her|them|the child)|inject", "[0-9.]{1,6} ?(?:mg|mcg|milligrams?|micrograms?|ml|units|tablets?|pills)", 3),
    ),
)  # fmt: skip
THERAPIES = Vocabulary(
    pairs=(
        ("you (?:should|must|need to) (?:start|begin|undergo|switch to|get)", "chemotherapy|surgery|dialysis|radiation|therapy|treatment|injections?|insulin|statins?|antibiotics?|medication", 3),
    ),
)  # fmt: skip

ADVICE = Vocabulary(
    terms=("as your lawyer", "as your attorney", "as your legal counsel", "my legal advice is", "attorney-client relationship with me"),
    expressions=(
            r"\bi(?:'d| would)? (?:strongly )?(?:advise|recommend|counsel) (?:that )?you (?:to )?(?:sue|plead|file|settle|accept the plea|reject|sign|countersue|appeal|withhold)\b",
            r"\byou(?: have|'ve got| got| have got) (?:a |an )?(?:very |extremely )?(?:strong|solid|winning|airtight|good|valid) (?:legal )?(?:case|claim|defen[sc]e)\b",
            r"\byou (?:will|would|'ll|are going to) (?:definitely |certainly |surely |likely )?(?:win|lose) (?:the|this|your|that|in) (?:case|lawsuit|appeal|trial|court|suit)\b",
            r"\byou (?:are|aren't|are not|can't be|cannot be) (?:legally )?(?:liable|guilty|obligated|entitled to damages|held responsible)\b",
            r"\byou (?:do not|don't) need (?:a |an )?(?:lawyer|attorney|solicitor)\b",
        ),
        pairs=(
            ("you (?:should|must|need to|ought to)", "(?:sue|plead|countersue|file (?:a |an |for )?(?:lawsuit|suit|motion|complaint|claim|appeal|divorce|bankruptcy|restraining order|injunction)|settle (?:out of court|the case)|reject the settlement|refuse to testify|take (?:him|her|them|it|your landlord|your employer) to court|break the lease|withhold (?:the |your )?rent|sign the (?:contract|settlement|agreement|nda))", 2),
        ),
)  # fmt: skip
LAW = Vocabulary(
    terms=(
        "lawsuit", "plaintiff", "defendant", "statute of limitations", "small claims court", "breach of contract", "liability",
        "custody", "eviction", "negligence", "plea bargain", "restraining order", "power of attorney", "intestate", "tort",
        "landlord-tenant law", "employment law", "wrongful termination", "court order", "legal rights",
    ),
)  # fmt: skip
"""What a text is about that needs a disclaimer."""
