"""What languages are known by: common small words, and letters that few of them have. Written from general knowledge.

A word stands for a language by how few others have it. Single letters are left out: code and formulas are full of them.
"""

from __future__ import annotations

WORDS = {
    "en": "the of and to in is that it was for on are with as his they at be this have from or had by but what not were"
    " we when your can said there use an each which she do how their if will up other about out many then them these so"
    " some her would make like him into time has two more go see no way could people my than been who its now did get"
    " just should because very please explain write does where why give me you between using shall any all our after"
    " also only over under us let may must he one here before first until",
    "de": "der die das und ist nicht ich du wir ihr sie es ein eine einen einem einer eines mit auf für von zu im den"
    " dem des auch sich als wie bei aus nach noch nur oder aber wenn kann können werden wird sind war haben hat habe"
    " sein wurde durch über vor mir mich dir dich bitte welche welcher dass daß diese dieser dieses diesen warum gibt"
    " zwischen zum zur schon mehr sehr man uns euch ihm ihn ihre ihren seine mein meine dein kein keine seit bis am"
    " weil damit geht hier alle wo was",
    "fr": "le la les de des du un une et est que qui dans pour pas sur avec ce cette ces il elle nous vous ils au aux"
    " en par plus ne se sont être avoir fait faire comme mais ou où leur si tout tous bien peut pouvez son sa ses mon"
    " ma mes votre vos notre quel quelle quels comment pourquoi entre très cela ça sans aussi été était ont ai je moi"
    " qu lui donc voici depuis chez même puis",
    "es": "el la los las de del que en un una por con para no se es lo como más pero sus le ya este sí porque esta"
    " entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante todos uno les ni contra otros"
    " ese eso ellos qué cómo cuál está están son fue era ser tiene puede puedes hacer mi mis tu su yo usted al necesito"
    " gracias favor ha han",
    "it": "il lo la gli le di del della dei delle che è un una per con non si sono da al alla come più ma anche questo"
    " questa nel nella se ha ho hanno essere mi ci dal dalla sul sulla quando dove perché cosa chi cui tra fra quale"
    " ogni molto tutto tutti suo sua loro io noi voi può puoi fare stato scrivi ai agli degli ancora mio mia nei",
    "pt": "os as de do da dos das que em um uma para com não no na nos nas por mais como mas foi ao ele ela seu sua ou"
    " ser quando muito há já está eu também só pelo pela até isso entre era depois sem mesmo aos ter seus quem me esse"
    " eles estão você tinha foram essa num nem suas meu minha qual às esta este fazer pode são se obrigado",
    "nl": "de het een en van ik te dat die in is niet zijn op aan met voor er was hij ze wij je ook als maar om hebben"
    " heb naar heeft bij of uit kan kun nog wel deze dit worden wordt door over zo hoe wat waar waarom geen meer moet"
    " mijn jouw onze hun haar hem zou veel al tot tussen kunnen we u iets",
    "sv": "och att det en jag hon som han på den med var sig för så till är men ett om hade de av mig du henne då sin"
    " nu har inte hans honom skulle hennes där min man vid kunde något från ut när efter upp vi dem vara vad över än"
    " dig kan här ha mot alla under någon eller allt mycket sedan hur varför detta denna mellan utan blir lite",
    "da": "og jeg det at en den til er som på de med han af for ikke der var mig sig men et har om vi min havde ham hun"
    " nu over da fra du ud sin dem os op man hans hvor eller hvad skal selv her alle vil blev kunne ind når være dog"
    " noget ville jo deres efter skulle denne end dette mit også under have dig anden hende mine alt meget hvis din"
    " nogle hos blive mange hvordan hvorfor mellem kan",
    "no": "og jeg det at en et den til er som på de med han av ikke der så var meg seg men har om vi min mitt ha hadde"
    " hun nå over da ved fra du ut sin dem oss opp man kan hans hvor eller hva skal selv her alle vil bli ble blitt"
    " kunne inn når være noen noe ville dere deres etter skulle denne for deg sine sitt mot hvorfor dette disse uten"
    " hvordan ingen din mellom også hvilken",
    "fi": "ja on ei se että hän oli olla kun mitä niin mutta ovat myös joka jos ole kuin tai minä sinä me te he tämä"
    " nämä ne mikä kuka missä miten miksi voi voit olen olet ollut vain jo nyt sitten koska ennen kanssa mukaan välillä"
    " hyvin kaikki sen siitä siinä tästä minun sinun hänen meidän teidän heidän jotka jossa vielä enemmän mitään tätä",
    "pl": "nie na się że do to jest jak co ale po za od przez dla przy tak czy tylko już jego jej ich być był była było"
    " są ma może można mogę które który która oraz gdy kiedy gdzie dlaczego jeśli tym tego te ten ta tej bardzo między"
    " bez też mnie mi my ty wy on ona oni lub pod nad więc proszę ze we",
    "cs": "je se na to že do jako ale jsem jsou být by pro po za od co jak který která které když kde proč nebo už také"
    " tak jen jeho její jejich byl byla bylo má mají může při podle mezi ze ve bez až tento tato toto této tím mě mi my"
    " vy on ona oni velmi více než prosím nás",
    "sk": "je sa na to že do aj ako ale som sú byť by pre po za od čo ktorý ktorá ktoré keď kde prečo alebo už tiež tak"
    " len jeho jej ich bol bola bolo má majú môže pri podľa medzi zo vo bez až tento táto toto tejto mňa mi my vy on"
    " ona oni veľmi viac než prosím nás",
    "ro": "și de la în cu pe din că nu este un pentru ce mai se sunt care au ai am fost dar sau prin dacă le lui ei el"
    " ea ca între după fără când unde cum cine foarte acest această aceste acestui toate tot fi face poate pot să îmi"
    " te mă noi voi lor al ale doar vă",
    "hu": "az és hogy nem is egy ez de van meg csak már még ha mint vagy volt ki mi el kell azt lesz fel nagyon minden"
    " amely ami aki lehet vannak le be ezt hogyan miért hol mikor között után előtt alatt szerint nincs én te ők ahol"
    " pedig így úgy igen akkor kérem",
    "tr": "ve bir bu da de için ile olarak daha çok en ne gibi var olan kadar ama sonra ki ben sen biz siz onlar değil"
    " mi mı mu mü nasıl neden nerede her şey göre veya ya olduğu olduğunu ise tarafından hem bana sana beni seni"
    " üzerinde arasında yok oldu olur kendi önce lütfen mısın misin",
    "id": "yang dan di dari untuk dengan tidak ini itu pada adalah dalam akan ke saya kami kita anda mereka dia oleh"
    " sebagai juga atau dapat bisa ada lebih sudah telah karena bagaimana mengapa apa siapa kapan tetapi seperti antara"
    " secara harus jika maka belum hanya semua para tersebut tolong jelaskan sebuah cara",
    "vi": "và của là các có được cho không trong một những người với này đã để khi về từ như tôi bạn chúng thì cũng đến"
    " nhiều ra vào nếu nhưng theo trên đó sẽ phải làm thế nào gì sao tại hãy hơn rất họ nó hay còn mà lại giữa",
    "hr": "je se na da za su od kao ne što ali će bi koji koja koje to sam smo ste biti bio bila bilo nije iz po kako"
    " kada gdje zašto ili već samo još njegov njezin njihov može mogu između bez prema nakon tako ovaj ova ovo taj ta"
    " vrlo više nego ja ti mi vi oni jer molim",
    "ru": "не на что он это как по но они мы она за вы так от все то его для бы же из когда только было был была были"
    " мне если уже или ещё еще чем при до может быть есть нет почему где кто очень между также который которая которые"
    " их ее её под без этого этот эта пожалуйста",
    "uk": "не на що він це як по але вони ми вона за ви так від все то його для би ж із коли тільки було був була були"
    " мені якщо вже або ще ніж при до може бути немає чому де хто дуже між також який яка які їх її під без цього цей"
    " ця та воно будь ласка",
    "bg": "не на аз че той това как по но те ние тя за вие така от всички го да се са си ще ли или още при до може бъде"
    " няма защо къде кой много между също който която които им под без този тази тези беше има като след ако само към"
    " моля",
    "sr": "не на ја да он са то како по али они ми она за ви тако од све га је се су си ће ли или још при до може бити"
    " нема зашто где ко много између такође који која које их под без овај ова ово био била било има као после ако само"
    " према што молим",
    "ar": "في من على إلى أن هذا هذه التي الذي ما لا كان هو هي مع عن أو كيف لماذا كل بعد قبل بين حتى لم لن قد هل أنا أنت"
    " نحن ذلك تلك إذا كما عند",
    "fa": "در به از که این را با است برای آن یک می ها های تا بر هم کرد شد چه چرا باید من تو شما ما آنها بود نیست کنید",
    "ur": "کے میں کی ہے سے کا کو اور پر یہ نے ہیں کہ ہو تھا نہیں کیا آپ ہم وہ اس ایک بھی تو کر",
    "hi": "के में की है से का को और पर यह ने हैं कि हो था नहीं क्या आप हम वह इस एक भी तो कर कैसे कृपया मुझे",
    "mr": "आहे आणि च्या ला ते हे मध्ये हा ही नाही काय आम्ही तुम्ही मी तो ती कसे होते आहेत करा",
}
"""By ISO 639-1. `no` is Bokmål; Malay reads as `id`, Serbian in Latin letters and Bosnian as `hr`."""

LETTERS = {
    "ß": "de", "ñ": "es", "ã": "pt", "õ": "pt", "ğ": "tr", "ı": "tr", "ş": "tr", "ő": "hu", "ű": "hu", "ł": "pl",
    "ę": "pl", "ą": "pl", "ř": "cs", "ů": "cs", "ě": "cs", "ľ": "sk", "ĺ": "sk", "ŕ": "sk", "ô": "fr sk", "ø": "da no",
    "æ": "da no", "å": "sv da no", "ă": "ro vi", "ț": "ro", "ș": "ro", "đ": "vi hr", "ơ": "vi", "ư": "vi", "ê": "fr pt",
    "œ": "fr", "ù": "fr it", "ї": "uk", "є": "uk", "і": "uk", "ы": "ru", "э": "ru", "ё": "ru", "ј": "sr", "љ": "sr",
    "њ": "sr", "ђ": "sr", "ћ": "sr", "پ": "fa ur", "چ": "fa ur", "گ": "fa ur", "ٹ": "ur", "ڈ": "ur", "ں": "ur",
    "ے": "ur", "ة": "ar", "ळ": "mr",
}  # fmt: skip
"""Letters that few languages have."""

SCRIPTS = (
    (0x0370, 0x03FF, "el"), (0x0400, 0x052F, "cyrillic"), (0x0530, 0x058F, "hy"), (0x0590, 0x05FF, "he"),
    (0x0600, 0x06FF, "arabic"), (0x0750, 0x077F, "arabic"), (0x0900, 0x097F, "devanagari"), (0x0980, 0x09FF, "bn"),
    (0x0A00, 0x0A7F, "pa"), (0x0A80, 0x0AFF, "gu"), (0x0B00, 0x0B7F, "or"), (0x0B80, 0x0BFF, "ta"),
    (0x0C00, 0x0C7F, "te"), (0x0C80, 0x0CFF, "kn"), (0x0D00, 0x0D7F, "ml"), (0x0D80, 0x0DFF, "si"),
    (0x0E00, 0x0E7F, "th"), (0x0E80, 0x0EFF, "lo"), (0x1000, 0x109F, "my"), (0x10A0, 0x10FF, "ka"),
    (0x1100, 0x11FF, "ko"), (0x1200, 0x137F, "am"), (0x1780, 0x17FF, "km"), (0x1F00, 0x1FFF, "el"),
    (0x3040, 0x30FF, "ja"), (0x3400, 0x4DBF, "zh"), (0x4E00, 0x9FFF, "zh"), (0xAC00, 0xD7AF, "ko"),
    (0x20000, 0x323AF, "zh"),
)  # fmt: skip
"""Blocks of Unicode 15 by their script where several languages share it, else by the language that mostly has it."""

SHARED = frozenset({"latin", "cyrillic", "arabic", "devanagari"})
"""Scripts whose languages are told apart by words."""

KNOWN = frozenset(WORDS) | {language for _, _, language in SCRIPTS} - SHARED
"""Every language that can be found."""
