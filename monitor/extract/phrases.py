"""What publishers write around their stories, in the languages of the outlets that are watched.

Each pattern is anchored and meant for short blocks only; the callers say how short and where in the page.
"""

# ruff: noqa: E501  a vocabulary reads better in lines as long as its languages

from __future__ import annotations

import re

from monitor.extract.blocks import alphabetic_length

# The label or the whole of a pointer to other stories.
RELATED = re.compile(
    r"(?:\W*)(?:"
    r"read (?:more|also|next|on|this|the full)|also read|more (?:on|from|about|stories|news|in|:)|see (?:also|more)|related(?::| (?:stories|articles|news|posts|content|coverage|topics|links)|$)"
    r"|don.?t miss|must read|recommended|you (?:may|might) (?:also )?(?:like|be interested)|most (?:read|popular|viewed)|trending|latest (?:news|stories|on)|recent (?:stories|posts|articles)|top stories|other (?:news|stories|articles)|further reading|keep reading|up next|in other news|editor.s picks|popular (?:now|stories|posts)|jump to:|watch ?[|:]|watch (?:now|more|the video|below)|listen ?[|:]|video:"
    r"|lesen sie (?:auch|mehr|hier|dazu)|lies auch|mehr zum thema|mehr (?:dazu|lesen)|auch interessant|das könnte sie|weitere (?:artikel|nachrichten|themen|meldungen)|passend dazu|siehe auch|zum thema"
    r"|(?:à )?lire (?:aussi|également|plus)|voir aussi|à voir aussi|sur le même sujet|nos articles|les plus lus|pour aller plus loin"
    r"|(?:lea|lee|leer|ver|vea|mira|mire|te puede interesar|le puede interesar|te recomendamos|más (?:noticias|información|sobre)|noticias relacionadas|artículos relacionados|lo más (?:leído|visto))(?: también| además| más|:|$)"
    r"|te puede interesar|le puede interesar|leia (?:também|mais)|veja (?:também|mais)|saiba mais|confira também|notícias relacionadas|mais lidas"
    r"|leggi (?:anche|tutto)|vedi anche|ti potrebbe interessare|potrebbe interessarti|articoli correlati"
    r"|читайте (?:также|ещё|еще|нас)|смотрите также|подробнее|по теме|новости по теме|материалы по теме|другие новости|другие материалы|похожие (?:новости|статьи|материалы)|ещё по теме|еще по теме|см\. также|также по теме|не пропустите|(?:последние|главные) новости|читайте нас"
    r"|читайте також|дивіться також|новини (?:за темою|по темі)|інші новини|за темою"
    r"|czytaj (?:także|też|więcej)|przeczytaj (?:także|też)|zobacz (?:także|też|również)|polecamy|więcej na ten temat"
    r"|lees (?:ook|meer|verder)|bekijk ook|meer over|les også|les mer|læs (?:også|mere)|läs (?:också|mer|även)|lue myös|čtěte (?:také|též)|přečtěte si|mohlo by vás|související|čítajte"
    r"|διαβάστε (?:επίσης|ακόμ[αη]|περισσότερα)|δείτε (?:επίσης|ακόμ[αη])|άλλα άρθρα|σχετικά (?:άρθρα|θέματα)|περισσότερα"
    r"|ilgili (?:haber|haberler|konular)|benzer haberler|bunlar da ilginizi|diğer haberler|baca (?:juga|selengkapnya)|lihat juga|xem thêm|đọc thêm|tin liên quan|citește și|vezi și|прочетете още|pročitajte|pogledajte|lexo (?:edhe|më shumë)"
    r"|(?:相关|相關)(?:阅读|閱讀|新闻|新聞|链接|連結|报道|報導|推荐|文章|专题)|延伸(?:阅读|閱讀)|更多(?:新闻|新聞|精彩|内容)|热门(?:文章|新闻|推荐|关键词)|熱門(?:文章|新聞)|推荐阅读|推薦閱讀|本篇新闻热门|编辑推荐|猜你喜欢|相關報導|※?相关链接"
    r"|関連(?:記事|ニュース|リンク|キーワード)|あわせて読みたい|こちらもおすすめ|おすすめ(?:記事)?|【関連|続きを読む|(?:관련|추천|인기|많이 본)\s?(?:기사|뉴스)|더보기"
    r"|اقرأ أيض|اقرا ايض|شاهد أيض|مواضيع ذات|أخبار ذات|(?:यह|ये) भी पढ़ें|इसे भी पढ़ें|และอื่นๆ|เรื่องที่เกี่ยวข้อง|ข่าวที่เกี่ยวข้อง|আরও পড়ুন|soma (?:pia|zaidi)"
    r")",
    re.IGNORECASE,
)


def is_pointer(text: str) -> bool:
    """The label of a pointer to other stories, by itself or before what it points at."""
    found = RELATED.match(text)
    if found is None or found.end() in {0, len(text)}:
        return found is not None
    # "More in" is no label in "More investment": it ends where a word does.
    return not (text[found.end() - 1].isalpha() and text[found.end()].isalpha())


# The heading of what readers wrote, or of the form for it; alone in its block, a number of them aside.
_COMMENTS = re.compile(
    r"\W*(?:\d+\W+)?(?:"
    r"(?:(?:all|no|view|show|read|reader|readers’|readers'|user|your|latest|recent|leave a|leave your|add a|add your|post a|post your|write a|join the|see|display|facebook) )?comments?(?: \(?\d+\)?)?|(?:leave a|post a|write a) reply|join the (?:discussion|conversation)"
    r"|(?:thoughts?|responses?|replies|comments?|reactions) (?:on|to)\b.{0,150}"
    r"|(?:leser|nutzer)?kommentare?(?: (?:schreiben|lesen|anzeigen|zum artikel))?|commentaires?|laisser un commentaire|réactions|comentarios?|comentários?|deja (?:un comentario|una respuesta)|deixe um comentário|commenti|lascia un commento"
    r"|комментари(?:и|ев|й|я)|добавить комментарий|оставить комментарий|коментар(?:і|ів|и)|додати коментар|komentarze|dodaj komentarz|skomentuj|komentáře|reacties|plaats een reactie|kommentarer|kommentit|yorumlar|yorum yap"
    r"|σχόλια|αφήστε σχόλιο|προσθήκη σχολίου|bình luận|ý kiến|komentar|コメント|读者评论|網友評論|网友评论|评论|留言|댓글|التعليقات|تعليقات|टिप्पणियाँ|ความคิดเห็น"
    r")\W*(?:\d+\W*)?",
    re.IGNORECASE,
)


# What may be done with the page: the last line of a site, whatever stands behind it.
_RIGHTS = re.compile(
    r"all rights? reserved|alle rechte vorbehalten|tous droits (?:de reproduction )?réservés|(?:todos los )?derechos reservados|todos os direitos reservados|tutti i diritti riservati"
    r"|alle rechten voorbehouden|wszelkie prawa zastrzeżone|все права (?:защищены|сохранены|принадлежат)|всі права (?:захищені|застережено)|všechna práva vyhrazena|tüm hakları saklıdır|hak cipta dilindungi"
    r"|με επιφύλαξη παντός δικαιώματος|版权所有|版權所有|著作権所有|無断(?:転載|複製)|无断|무단\s?(?:전재|복제)|جميع الحقوق محفوظة|सर्वाधिकार सुरक्षित|สงวนลิขสิทธิ์",
    re.IGNORECASE,
)


def keeps_rights(text: str) -> bool:
    """A notice of whose the page is."""
    return len(text) < 500 and bool(_RIGHTS.search(text)) and (bool(_MARK.search(text)) or len(text) < 120)


_MARK = re.compile(r"[©ⓒ]|^\W*(?:\(c\)|copyright)", re.IGNORECASE)


def heads_comments(text: str) -> bool:
    """The heading of readers' comments."""
    return len(text) < 160 and bool(_COMMENTS.fullmatch(text))


# Invitations: to subscribe, follow, share, comment, donate, install.
APPEAL = re.compile(
    r"(?:\W*)(?:"
    r"(?:click|tap) here|sign ?up|subscribe|get (?:the |our |access|unlimited|breaking|daily|all the)|follow (?:us|me|him|her|the|\w+ on|@)|like (?:us|this)|share (?:this|on|with|your|via|article|story|it)|join (?:us|our|the (?:conversation|discussion))|download (?:the|our)|support (?:our|us|independent|the)|donate|become a|enjoy(?:ed|ing)? (?:this|reading|our)|have a (?:tip|story|question)|do you have a|got a tip|send (?:us|your)|contact (?:us|the)|write to|e-?mail (?:us|him|her|the|this|\w+ \w+ at)|tell us|let us know|what do you think|leave a (?:comment|reply)|post a comment|comments?$|add a comment|advertisements?|sponsored|this (?:story|article|copy|material|page|website|site) (?:is|was|has|may|will|contains|uses)|you must (?:be|confirm|have|enable|log)|please (?:log|sign|enable|consider|contribute|support|subscribe|help|share|read)|already (?:a|have)|to (?:comment|continue reading|read (?:more|the full))|your contribution|we use cookies|(?:by|if you) (?:clicking|continu\w*|sign\w*|subscrib\w*)|all rights reserved|copyright|\(?c\)|©|ⓒ|terms of (?:use|service)|privacy policy|our standards|the opinions expressed|views expressed|the views (?:and|expressed)|listen to (?:this|the)|print this|save this|add us as|make us preferred|stay (?:up|tuned|connected|informed)|for more (?:on|news|information|stories|visit)|reporting by|additional reporting|editing by|writing by|compiled by|\(?(?:reporting|editing|writing) by|\w+ \w+ contributed|with (?:files|reporting) from|help us|thank you for|start your day"
    r"|jetzt (?:abonnieren|lesen|anmelden|registrieren|testen|kostenlos)|abonnieren sie|melden sie sich|newsletter|folgen sie|teilen sie|diesen artikel|dieser artikel|haben sie (?:einen )?fehler|fehler (?:melden|gefunden)|bitte (?:markieren|melden|aktivieren|loggen)|mit material (?:von|der)|quellen?:|das ist die europäische|hier ist|kommentare|\w+ ist (?:reporter|redakteur|korrespondent|autor)"
    r"|abonnez-vous|inscrivez-vous|suivez(?:-nous)?|partage[rz]|cet article|réagir|s.abonner|recevez|déjà abonné|pour lire la suite|contenu réservé"
    r"|suscr[ií]b\w+|síguenos|siga(?:-nos)?|compart[ae]\w*|regístrate|inicia sesión|si continúas|si quieres|quieres añadir|tu suscripción|¿quieres|si decides|en el caso de no saber|esta funcionalidad|únete|recibe|apoya|haz clic|clique|assine|inscreva-se|receba|participe|baixe|siga o|curta"
    r"|iscriviti|abbonati|seguici|segui|condividi|riproduzione riservata|ricevi|registrati|clicca"
    r"|подпи(?:ш|сыв|ск|сат)\w+|поделит(?:ь?с[ья]|есь)|следите|добав\w+ (?:в закладки|нас|комментарий)|комментари\w+$|заметили ошибку|нашли (?:ошибку|опечатку)|если вы (?:нашли|заметили)|выделите|адрес материала|адреса матеріалу|все права|источник:|по материалам (?:(?:сайт|агентств|издани|портал|газет|зарубежн|иностранн|открыт)\w*|\W*(?-i:[A-ZА-ЯЁ])\w*)|просмотров|присылайте|оставить комментарий|обсудить(?= (?:на|в|эту|новость|статью|материал)\b|[\W\d]*$)|telegram|тел\.:|issn|підпи(?:ш|сув|сат)\w+|поділ\w+|помітили помилку|якщо (?:ви )?(?:помітили|знайшли)"
    r"|zapisz się|zaprenumeruj|obserwuj|udostępnij|polub|komentarz\w*|dołącz|źródło:|wróć|wstecz|w górę|zgłoś|prześlij|newsletter|dziękujemy|kup (?:teraz|dostęp)"
    r"|schrijf (?:je|u) in|meld je aan|volg (?:ons|het)|deel (?:dit|op)|abonneer|følg|del (?:på|artik\w*|denne)|tilmeld|abonner|prenumerera|följ|dela|tilaa|jaa|sdílet|odebír\w*|přihla\w*|sledujte|odoberaj\w*"
    r"|abone ol|takip et|paylaş\w*|yorum\w*|bizi takip|kaynak:|ikuti|bagikan|dapatkan|berlangganan|theo dõi|chia sẻ|đăng ký|tags?:|ετικέτες|ακολουθήστε|εγγραφείτε|οι απόψεις|σχόλια|μοιραστείτε|δημοσιεύθηκε|ονοματεπώνυμο"
    r"|(?:责任)?编辑[:：]|責任編輯|责编|来源[:：]|關注|关注(?:我们|微信)|扫(?:描|一扫)|分享(?:到|至)|版权|轉載|转载|友情链接|我要评论|加入收藏|打印|字体[:：]|字型[:：]|位置(?:提示)?[:：]|原标题|【(?:纠错|编辑|责任)|无断|無断|著作権|会員|ログイン|この記事|フォロー|シェア|有料|残り\d+文字|저작권|무단|기자\s*=|구독|공유|댓글|ⓒ|copyrightⓒ"
    r"|تابع|شارك|اشترك|حقوق|फॉलो|शेयर|डाउनलोड|कॉपी लिंक|ऐप|โอนเงิน|ติดตาม|สมัคร|แชร์|ร่วมบริจาค|ফলো|শেয়ার"
    r")(?:(?<![A-Za-z\u00c0-\u052f])|(?![A-Za-z\u00c0-\u052f]))",  # "dela" is no beginning of "Delays"
    re.IGNORECASE,
)

# Words by which an appeal speaks to its reader, or of the page it stands on; the sentences of a story seldom do.
_ADDRESS = re.compile(
    r"\b(?:you|your|(?-i:us)|our|we|me|newsletter|inbox|e-?mail|rights reserved|terms of|privacy policy|(?:reporting|editing|writing|compiled) by|contributed|the author)\b"
    r"|\b(?:sie|ihre?[nmrs]?|uns|unser\w*|wir|redaktion|vous|votre|vos|nous|notre|nos|te|tu|tus|usted|su suscripción|nuestr\w+|você|seu|sua|noss\w+|tuo|tua|vostr\w+|nostr\w+|riservata)\b"
    r"|\b(?:вы|вас|вам|ваш\w*|мы|нас|наш\w*|редакци\w+|подпис\w+|ошибк\w+|опечатк\w+|ви|вам|нам|помилк\w+)\b"
    r"|\b(?:nas|nasz\w*|cię|ciebie|twoj\w+|twój|newsletter\w*|je|jou|jouw|ons|onze|deg|dig|oss|os|vår|vores|vores|våra|bize|bizi|sizin|kami|anda|chúng tôi|bạn)\b"
    r"|[@＠©]|https?:|www\.|我们|我們|本报|本網|本网|版权|責任|责任|编辑|編輯|당사|저작권|著作権|会員|あなた|إلينا|صفحتنا|قناتنا|हमारे|हमें|আমাদের",
    re.IGNORECASE,
)


def is_appeal(text: str) -> bool:
    """A line or sentence that asks the reader for something, or tells of the page's rights and authors."""
    if len(text) >= 300 or not APPEAL.match(text):
        return False
    ended = _is_ended(text)
    if ended and _SUBJECT.match(text):
        return False
    return not ended or alphabetic_length(text) < 60 or bool(_ADDRESS.search(text))


# Nouns that appeals begin with and sentences are about; and what a speaker asks for, in quotes.
_SUBJECT = re.compile(
    r"copyright (?!by\b)[^\W\d]|telegram\b(?!.*(?:подпи|@|t\.me))"
    r'|["“„«»][^"“”«»]{1,200}(?:[,.!?…]["“”«»]|["“”«»],)',
    re.IGNORECASE,
)


def _is_ended(text: str) -> bool:
    """Whether it ends as a sentence does, quotes and brackets aside."""
    return text.rstrip("\"'”’»)").endswith(_STOPS)


_STOPS = (".", "!", "?", "…", "。", "！", "？", "।", "؟", "۔")

# Who took the picture: a label, or a source in brackets or behind a slash.  What ends as a sentence does is no such line,
# unless its label is one that no sentence begins with.
_PICTURE = r"photo(?:graph)?s?|image|picture|pic|credit|video|foto(?:grafie)?|bild|bildquelle|quelle|fotografia|imagen|immagine|crédit|crédits|kuva|zdjęcie|fot\.|фото|снимок|φωτογραφία|图片?|圖|图源|写真|撮影|사진|ảnh|fotoğraf"
_LABEL = re.compile(
    rf"\W*(?:{_PICTURE})(?:\s?(?:credit|courtesy))?\s?(?::|：|/|©|via\b|提供|＝|=)|\W*©\s?\w+.{{0,120}}$"
    rf"|.{{0,300}}[\(\[（](?:{_PICTURE}|ap photo|file|courtesy|screenshot|screengrab)\b[^)\]）]{{0,120}}[\)\]）]\.?$",
    re.IGNORECASE,
)
_SOURCE = re.compile(
    rf"\W*(?:{_PICTURE})s?\s(?:by|from|courtesy|von|de|par|di)\s"
    r"|.{0,300}[\(\[（](?:ap|afp|reuters|getty|epa|dpa|tass|via)\b[^)\]）]{0,120}[\)\]）]$"
    r"|.{0,300}(?:/|,|:|\s)(?:getty images|ap photo|shutterstock|imago|picture alliance|istock|unsplash|wikimedia commons|nurphoto|zuma|riantv|depositphotos)(?:/\w+)?$"
    r"|.{0,300}(?:/|©)\s?(?:afp|epa|dpa|reuters|tass|ap)(?:/\w+)?$|.{0,300}©[^.!?]{1,60}$",
    re.IGNORECASE,
)


def is_credit(text: str) -> bool:
    """A line that says who took the picture."""
    if len(text) >= 200:
        return False
    return bool(_LABEL.match(text)) or (bool(_SOURCE.match(text)) and not _is_ended(text))


# A line that only dates or signs the story.
DATELINE = re.compile(
    r"(?:\W*)(?:(?:posted|published|updated|last (?:updated|modified)|stand|veröffentlicht|aktualisiert|publié|mis à jour|publicado|actualizado|atualizado|pubblicato|aggiornato|опубликовано|обновлено|добавлено|дата|сегодня|cегодня|gepubliceerd|publisert|oppdatert|publiceret|opdateret|publicerad|uppdaterad|julkaistu|opublikowano|data|stan|yayınlanma|güncelleme|ngày|发布时间|更新|τελευταία ενημέρωση)\b|(?:by|von|par|por|de|di|da|av|af|door|autor|автор|από|作者|記者|记者|文)[:：]?\s\w+)",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\d{1,4}[./\-年]\s?\d{1,2}[./\-月]\s?\d{1,4}|\b(?:19|20)\d\d\b.*\d{1,2}[:.]\d\d|\d{1,2}[:.]\d\d.*\b(?:19|20)\d\d\b"
    r"|\b\d{1,2}\.? \w{3,12},? (?:19|20)\d\d\b|\b\w{3,12} \d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\d\d\b"
)


def is_dateline(text: str) -> bool:
    """A short line that names a date or a signature and says nothing else."""
    return len(text) < 90 and (bool(_DATE.search(text)) or (len(text) < 50 and bool(DATELINE.match(text))))


LIVE = re.compile(
    r"^(?:live(?:blog|ticker)?|en direct|en vivo|ao vivo|в прямом эфире|онлайн)\b\s*[:|–-]|\b(?:liveblog|liveticker|live updates)\b|[–-] live$",
    re.IGNORECASE,
)
