"""What `itar-ear-filter` and `dual-use-filter` know: the words of 22 CFR 120-130, 15 CFR 730-774 and the Australia
Group's, NSG's and MTCR's lists, as people write them.
"""

from __future__ import annotations

from extproc.detect.lexicon import Vocabulary

_CONTROLLED = "controlled|restricted|regulated|licen[cs]ed|classified"

ITAR_EAR = Vocabulary(
    terms=(
        "deemed export", "defense article", "defence article", "defense service", "export-controlled technical data",
        "controlled unclassified information", "technical assistance agreement", "manufacturing license agreement",
        "technical data package", "missile technology control regime", "munitions list", "commerce control list",
        "significant military equipment", "foreign military sales", "end-use monitoring", "denied persons list",
        "voluntary self-disclosure", "brokering of defense articles",
    ),
    expressions=(
            rf"\b(?:itar|ear|usml|ccl)[- /](?:{_CONTROLLED})\b",
            r"\b(?:itar|ear)[- ]data\b",
            r"\bsubject to (?:the )?(?:itar|ear|export administration regulations|export controls?)\b",
            r"\busml\b.{0,3}\bcat(?:egory|\.)? ?[ivx]{1,5}\b",
            r"\bunder (?:usml|itar) (?:category|cat\.?) ?[ivx]{1,5}\b",
        ),
        pairs=(
            ("eccn|export control classification number", "[0-9][a-e][0-9]{3}", 4),
            ("ccl|classif(?:y|ied|ication)|controlled|export(?:ed|ing)?", "[0-9][a-e][069][0-9]{2}(?:\\.[a-z])?", 4),
            ("missile guidance|guidance (?:system|section)s?|fire control|seeker|warhead|radar cross section|stealth coating|night vision|inertial navigation", "technical data|drawings?|specifications?|source code|algorithms? of the (?:missile|torpedo|munition)", 4),
            ("ship|send|export|transfer|release|share|email", "(?:drawings?|technical data|blueprints?|schematics) (?:of|for|to) (?:the |our |a )?(?:missile|munition|weapon|satellite|military|foreign national)s?", 5),
        ),
)  # fmt: skip

_MAKE = (
    "synthesi[sz](?:e|ing)|synthesis of|produc(?:e|ing)|production of|mak(?:e|ing)|manufactur(?:e|ing)|brew(?:ing)?|cultur(?:e|ing)"
    "|grow(?:ing)?|weaponi[sz](?:e|ing|ed)|aerosoli[sz](?:e|ing)|stabili[sz](?:e|ing)|purify(?:ing)?|purification of|enrich(?:ing)?"
    "|acquir(?:e|ing)|obtain(?:ing)?|precursors? (?:for|of|to)|recipe for|dispers(?:e|ing)|scal(?:e|ing) up"
)
_AGENTS = (
    "sarin|tabun|soman|cyclosarin|vx|novichok|a-23[024]|nerve agents?|sulfur mustard|mustard gas|lewisite|phosgene|ricin|abrin"
    "|anthrax|bacillus anthracis|yersinia pestis|plague bacteria|smallpox|variola|ebola|marburg virus|francisella tularensis"
    "|botulinum|saxitoxin|uranium hexafluoride|weapons?[- ]grade (?:uranium|plutonium)|highly enriched uranium|plutonium"
)

DUAL_USE = Vocabulary(
    terms=(
        "methylphosphonyl difluoride", "methylphosphonic dichloride", "pinacolyl alcohol", "thiodiglycol", "QL agent",
        "gas centrifuge cascade", "centrifuge rotor bellows", "maraging steel rotor", "implosion lens", "explosive lens",
        "neutron initiator", "beryllium reflector", "plutonium reprocessing", "PUREX flowsheet", "reentry vehicle",
        "isotope separation", "krytron", "gain-of-function", "reverse genetics of influenza", "aerosolized pathogen",
    ),
    pairs=(
            (_MAKE, _AGENTS, 4),
        ),
)  # fmt: skip
