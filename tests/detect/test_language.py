"""Languages, on sentences written for this test; what a text is in is sure only where there is enough of it."""

from __future__ import annotations

import unicodedata

import pytest
from measure import cpu_seconds

from extproc.detect.language import NONE, UNKNOWN, WINDOW, guess
from extproc.detect.languages import KNOWN, LETTERS, WORDS

SENTENCES = {
    "am": "እባክህ ይህን ደብዳቤ ወደ እንግሊዝኛ ተርጉምልኝ",
    "ar": "أريد أن أعرف كيف يمكنني السفر من القاهرة إلى عمان بدون تأشيرة",
    "bg": "Моля, кажете ми къде мога да намеря документите, които бяха на масата",
    "bn": "দয়া করে এই চিঠিটি ইংরেজিতে অনুবাদ করুন",
    "cs": "Vlak přijel pozdě, a proto jsem musel čekat na nádraží více než hodinu",
    "da": "Toget var forsinket, og derfor måtte jeg vente på stationen i mere end en time uden noget at spise",
    "de": "Der Zug hatte Verspätung, und deshalb musste ich mehr als eine Stunde am Bahnhof warten",
    "el": "Το τρένο άργησε και περίμενα στον σταθμό περισσότερο από μία ώρα",
    "en": "The train was late and so I had to wait at the station for more than an hour",
    "es": "El tren llegó tarde y por eso tuve que esperar en la estación más de una hora",
    "fa": "قطار دیر کرد و من مجبور شدم بیش از یک ساعت در ایستگاه منتظر آن باشم",
    "fi": "Juna oli myöhässä, ja siksi minä odotin asemalla yli tunnin, mutta kukaan ei kertonut mitä on tapahtunut",
    "fr": "Le train était en retard et j'ai donc dû attendre à la gare pendant plus d'une heure",
    "gu": "કૃપા કરીને આ પત્રનો અંગ્રેજીમાં અનુવાદ કરો",
    "he": "הרכבת איחרה ולכן חיכיתי בתחנה יותר משעה",
    "hi": "ट्रेन देर से आई और इस लिए मुझे स्टेशन पर एक घंटे से ज्यादा इंतजार करना पड़ा",
    "hr": "Vlak je kasnio i zato sam morao čekati na kolodvoru više od sat vremena, ali nitko nije znao kako dalje",
    "hu": "A vonat késett, ezért több mint egy órát kellett várnom az állomáson, de nem volt már kávé",
    "hy": "Խնդրում եմ թարգմանեք այս նամակը անգլերեն",
    "id": "Kereta itu terlambat dan karena itu saya harus menunggu di stasiun lebih dari satu jam",
    "it": "Il treno era in ritardo e per questo ho dovuto aspettare alla stazione più di un'ora",
    "ja": "電車が遅れたので、駅で一時間以上待たなければなりませんでした",
    "ka": "გთხოვთ თარგმნოთ ეს წერილი ინგლისურად",
    "km": "សូមបកប្រែសំបុត្រនេះជាភាសាអង់គ្លេស",
    "kn": "ದಯವಿಟ್ಟು ಈ ಪತ್ರವನ್ನು ಇಂಗ್ಲಿಷ್‌ಗೆ ಅನುವಾದಿಸಿ",
    "ko": "기차가 늦어서 역에서 한 시간 넘게 기다려야 했습니다",
    "lo": "ກະລຸນາແປຈົດໝາຍນີ້ເປັນພາສາອັງກິດ",
    "ml": "ദയവായി ഈ കത്ത് ഇംഗ്ലീഷിലേക്ക് വിവർത്തനം ചെയ്യുക",
    "mr": "ही गाडी उशिरा आली आणि मी स्टेशनवर थांबलो आहे, पण ती कधी येणार हे मला माहीत नाही",
    "my": "ကျေးဇူးပြု၍ ဤစာကို အင်္ဂလိပ်လို ဘာသာပြန်ပါ",
    "nl": "De trein had vertraging en daarom moest ik meer dan een uur op het station wachten",
    "no": "Toget var forsinket, og derfor måtte jeg vente på stasjonen i mer enn en time uten noe å spise",
    "or": "ଦୟାକରି ଏହି ଚିଠିକୁ ଇଂରାଜୀରେ ଅନୁବାଦ କରନ୍ତୁ",
    "pa": "ਕਿਰਪਾ ਕਰਕੇ ਇਸ ਚਿੱਠੀ ਦਾ ਅੰਗਰੇਜ਼ੀ ਵਿੱਚ ਅਨੁਵਾਦ ਕਰੋ",
    "pl": "Pociąg się spóźnił i dlatego musiałem czekać na dworcu dłużej niż godzinę, ale nie było już kawy",
    "pt": "O trem atrasou e por isso eu tive que esperar na estação por mais de uma hora",
    "ro": "Trenul a întârziat și de aceea a trebuit să aștept în gară mai mult de o oră, dar nu este prea grav",
    "ru": "Поезд опоздал, и поэтому мне пришлось ждать на вокзале больше часа, но кофе там уже не было",
    "si": "කරුණාකර මෙම ලිපිය ඉංග්‍රීසියට පරිවර්තනය කරන්න",
    "sk": "Vlak meškal, a preto som musel čakať na stanici viac než hodinu, ale nič som nevidel, lebo už bola tma",
    "sr": "Воз је каснио и зато сам морао да чекам на станици више од сат времена, али нисам био једини",
    "sv": "Tåget var försenat och därför fick jag vänta på stationen i mer än en timme utan att något hände",
    "ta": "தயவுசெய்து இந்தக் கடிதத்தை ஆங்கிலத்தில் மொழிபெயர்க்கவும்",
    "te": "దయచేసి ఈ లేఖను ఆంగ్లంలోకి అనువదించండి",
    "th": "รถไฟมาสายฉันจึงต้องรอที่สถานีนานกว่าหนึ่งชั่วโมง",
    "tr": "Tren geç kaldı ve bu yüzden istasyonda bir saatten daha çok beklemek zorunda kaldım ama kimse bir şey demedi",
    "uk": "Потяг запізнився, і тому мені довелося чекати на вокзалі більше години, але кави вже не було",
    "ur": "ٹرین دیر سے آئی اور اس وجہ سے مجھے اسٹیشن پر ایک گھنٹے سے زیادہ انتظار کرنا پڑا",
    "vi": "Tàu đến muộn nên tôi đã phải chờ ở nhà ga hơn một giờ nhưng không có ai nói gì với tôi",
    "zh": "火车晚点了，所以我在车站等了一个多小时",
}


def test_every_language_has_a_sentence_and_every_letter_a_language() -> None:
    assert SENTENCES.keys() == KNOWN
    assert {language for those in LETTERS.values() for language in those.split()} <= WORDS.keys()


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_is_enough_to_tell(language: str) -> None:
    found = guess(SENTENCES[language])
    assert found.language == language and found.confidence >= 0.5, found


@pytest.mark.parametrize("language", SENTENCES)
def test_letters_made_of_two_code_points_and_wide_ones_are_read_as_one(language: str) -> None:
    decomposed = unicodedata.normalize("NFD", SENTENCES[language])
    assert guess(decomposed).language == language


@pytest.mark.parametrize(
    "text",
    ["", " \n", "ok", "42", "Merci !", "README.md", "x = [i for i in la if i in de]", "if (a) { return not_in_the_list; }",
     "\x00\x01", "🎉🎉🎉", "a" * 5000, "GET /the/and/of/to HTTP/1.1"],
)  # fmt: skip
def test_what_is_short_or_code_is_in_none_for_sure(text: str) -> None:
    assert guess(text).confidence < 0.5


def test_a_script_that_is_not_known_is_said_to_be_one() -> None:
    assert guess("ཁྱེད་རང་ག་པར་ཕེབས་ག").language == UNKNOWN  # Tibetan
    assert guess("...") == NONE


def test_a_language_is_seen_wherever_most_of_a_long_text_is_in_it() -> None:
    english, french = SENTENCES["en"] + ". ", SENTENCES["fr"] + ". "
    assert guess(english * 500).language == "en"
    assert guess(french * 30 + english * 500 + french * 500).language == "fr"
    assert guess(french * 50 + english * 50).confidence < 0.5


def test_a_long_text_costs_no_more_than_its_windows() -> None:
    def cost(text: str) -> float:
        return min(cpu_seconds(lambda: guess(text)) for _ in range(5))

    for piece in (SENTENCES["en"], SENTENCES["ru"], SENTENCES["zh"], "the ", "{}", "\u0301", "ｆ", "```"):
        short = piece * (3 * WINDOW // len(piece))
        assert cost(piece * (1_000_000 // len(piece))) < 5 * cost(short) + 0.02, piece  # 20 ns a character, to split
