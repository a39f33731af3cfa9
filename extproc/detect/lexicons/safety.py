"""What `safety-filter` knows of each mode: someone who means harm says what is to be done, and to what.

Words alone would fire on everybody who protects, teaches or writes code, so a verb and its object have to come together
in one sentence, and words of protection before them say that no harm is meant.
"""

from __future__ import annotations

from extproc.detect.lexicon import Vocabulary

PROTECTING = frozenset(
    {
        "prevent", "prevents", "preventing", "protect", "protects", "protecting", "against", "defend", "defends",
        "defending", "detect", "detects", "detecting", "mitigate", "mitigates", "mitigating", "avoid", "stop", "stops",
        "stopping", "history", "historical", "report", "reported", "secure", "securing", "investigate", "investigating",
    }
)  # fmt: skip

_WRECK = (
    "disabl(?:e|ing)|shut(?:ting)? down|tak(?:e|ing) (?:down|out|offline)|knock(?:ing)? (?:out|offline)"
    "|sabotag(?:e|ing)|hack(?:ing)?|attack(?:ing)?|compromis(?:e|ing)|crippl(?:e|ing)|black(?:ing)? out"
    "|break(?:ing)? into|tamper(?:ing)? with|overload(?:ing)?|destroy(?:ing)?|blow(?:ing)? up|poison(?:ing)?"
    "|contaminat(?:e|ing)|hijack(?:ing)?|derail(?:ing)?|exploit(?:ing)?|spoof(?:ing)?|jam(?:ming)?"
)
_PLANT = (
    "power (?:grid|plant|station|line)s?|electric(?:al|ity)? grid|substations?|transformer yard|water (?:treatment|supply|plant|system|tower)s?"
    "|drinking water|reservoirs?|scada|industrial control systems?|plcs?|gas pipelines?|oil pipelines?|refiner(?:y|ies)|dams?|floodgates?"
    "|nuclear (?:plant|reactor|facility)s?|reactor cooling|cell towers?|911 (?:dispatch|system)|emergency (?:dispatch|services?)"
    "|air traffic control|railway signals?|train signals?|traffic lights?|hospital (?:network|system)s?|chlorine (?:tank|dosing)s?"
)
_VEHICLE = (
    "airbags?|abs|brakes?|brake lines?|immobili[sz]ers?|ignition interlocks?|interlocks?|seat ?belt (?:sensor|warning|alarm)s?"
    "|lane[- ]keep(?:ing)?[- ]assist|driver monitoring|speed limiters?|catalytic converters?|dpf|can bus|key fobs?|steering assist"
    "|collision avoidance|emissions? (?:control|test|sensor)s?"
)
_DEFEAT = (
    "disabl(?:e|ing)|defeat(?:ing)?|bypass(?:ing)?|trick(?:ing)?|fool(?:ing)?|remov(?:e|ing)|delet(?:e|ing)|cut(?:ting)?"
    "|clon(?:e|ing)|relay(?:ing)?|hack(?:ing)?|overrid(?:e|ing)|spoof(?:ing)?|inject(?:ing)? into"
)

MODES: dict[str, Vocabulary] = {
    "critical_infrastructure": Vocabulary(
        terms=("dirty bomb", "pipe bomb", "chlorine gas attack", "water supply poisoning"),
        pairs=(
            (_WRECK, _PLANT, 6),
            ("black ?start|cascading|rolling", "failures? in the grid|blackouts? on purpose", 4),
        ),
        unless=PROTECTING,
    ),
    "automotive": Vocabulary(
        terms=("odometer rollback", "emissions defeat device", "dpf delete kit"),
        expressions=(
            r"\b(?:start|steal|unlock)(?:ing)? (?:the |a |my |this )?(?:car|vehicle|truck)[^.!?\n]{0,40} without (?:the|a|its) key",
        ),
        pairs=(
            (_DEFEAT, _VEHICLE, 5),
            (
                "roll(?:ing)? back|wind(?:ing)? back|chang(?:e|ing)|falsify(?:ing)?",
                "odometer|mileage (?:reading|counter)",
                4,
            ),
        ),
        unless=PROTECTING,
    ),
    "education": Vocabulary(
        terms=("kill myself", "hurt myself", "cut myself", "thinspo", "pro-ana", "send nudes", "fake id", "porn video"),
        pairs=(
            (
                "how (?:can|do) i|i want to|help me|ways? to|tell me how to",
                "starve myself|end my life|get (?:drunk|high|stoned)|buy (?:weed|vapes?|alcohol|beer|drugs)",
                4,
            ),
            (
                "mak(?:e|ing)|build(?:ing)?|bring(?:ing)?|get(?:ting)?|sneak(?:ing)?",
                "bomb|explosives?|gun to (?:school|class)|knife to (?:school|class)|weapon to (?:school|class)",
                4,
            ),
            (
                "answer key|answers|solutions?",
                "(?:to|for|of) (?:the|tomorrow's|our|my) (?:midterm|final exam|exam|test|quiz)",
                2,
            ),
            ("tak(?:e|ing)|writ(?:e|ing)|do(?:ing)?", "(?:exam|essay|homework|test) for me", 4),
            (
                "spread(?:ing)?|start(?:ing)?|post(?:ing)?",
                "rumou?rs? about|embarrassing (?:photo|picture|video)s? of",
                3,
            ),
        ),
        unless=PROTECTING,
    ),
    "law_enforcement": Vocabulary(
        terms=("plant evidence", "planting evidence", "throw-down gun", "parallel construction"),
        pairs=(
            (
                "fabricat(?:e|ing)|falsify(?:ing)?|destroy(?:ing)?|alter(?:ing)?|hid(?:e|ing)|los(?:e|ing)|backdat(?:e|ing)|delet(?:e|ing)",
                "evidence|witness statements?|body ?cam(?:era)? (?:footage|video)|arrest reports?|chain of custody",
                5,
            ),
            (
                "identity|home address|real name|whereabouts|location",
                "(?:of|for) (?:the |our |that |a )?(?:confidential |police )?(?:informant|undercover|witness)(?:e?s)?",
                2,
            ),
            (
                "evad(?:e|ing)|los(?:e|ing)|escap(?:e|ing)|outrun(?:ning)?",
                "police|cops|patrol|checkpoint|surveillance team",
                4,
            ),
            ("dispos(?:e|ing) of|get(?:ting)? rid of|hid(?:e|ing)", "body|corpse|murder weapon", 3),
            (
                "search(?:ing)?|track(?:ing)?|wiretap(?:ping)?|bug(?:ging)?|record(?:ing)?",
                "without (?:a |any )?(?:warrant|court order|consent)",
                6,
            ),
            (
                "look(?:ing)? up|run(?:ning)?|check(?:ing)?",
                "(?:plate|plates|record|records) (?:of|for|on) my (?:ex|neighbou?r|girlfriend|boyfriend|wife|husband)",
                3,
            ),
            ("coerc(?:e|ing)|beat(?:ing)?|forc(?:e|ing)|threaten(?:ing)?", "confession|suspect into confessing", 5),
        ),
        unless=PROTECTING,
    ),
}
"""By the reference's names (keeptrusts-config.md, 3.7)."""
