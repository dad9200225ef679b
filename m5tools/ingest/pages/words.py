"""Words by which shops name things, in the languages that product pages are mostly written in.

Patterns match whole words of case-folded text. Languages: en, de, fr, it, es, pt, nl, sv/no/da, fi, pl, cs/sk, hu, ro,
hr/sl/sr, bg/ru/uk, el, tr, et/lv/lt, ar, zh, ja, ko.
"""

from __future__ import annotations

import re


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


def _label(*patterns: str) -> re.Pattern[str]:
    """A label at the beginning of a text; what follows a colon, number sign or the end of the piece is its value."""
    return re.compile(
        rf"^\W{{0,3}}(?:{'|'.join(patterns)})(?:\s*\([^)]{{1,20}}\))?(?=\W|$)\s*[:：#№.]*\s*", re.IGNORECASE
    )


_NUMBER = r"(?:\s?-?\s?(?:n[°ºo]?\.?|nr\.?|no\.?|nº|num(?:ber|mer|ero|éro)?|code|id|#|№))"
SKU = _label(
    r"sku\b", r"asin", r"(?:product|item|article|catalog(?:ue)?|stock|style|order|listing|ad|auction|lot|part)\s?(?:number|code|no\.?|nr\.?|id|#|ref(?:erence)?)",
    r"item\s?#", r"ref(?:erence|erencia|erência|erință|\.)?" + _NUMBER + r"?", r"réf(?:érence|\.)?(?: (?:produit|article|interne))?" + _NUMBER + "?",
    r"(?:art(?:ikel)?|produkt|bestell|sach|waren|anzeigen)\.?\s?-?\s?(?:nummer|nr\.?|no\.?|code|id)",
    r"art(?:icolo|ículo|igo|icle)?\.? ?(?:n\.?|no\.?|nº|nr\.?)", r"cod(?:ice|igo)?\.?(?: (?:articolo|prodotto|art\.?|prod\.?|interno|del? producto|do produto|artículo|vendedor))?",
    r"código(?: (?:do |del? )?(?:produto|producto|artículo|artigo|interno))?", r"cod(?:ul)? (?:de )?produs(?:ului)?", r"cod produs",
    r"(?:artikel|produkt|vare|tuote|varu|best)\s?-?\s?(?:nummer|nr\.?|numero|koodi)", r"tuotenumero|tuotekoodi",
    r"(?:nr|numer|kod|symbol|indeks|id) (?:katalogowy|produktu|artykułu|towaru|ref\.?)", r"(?:katalogové|objednacie|objednací|objednávacie|artiklové) (?:číslo|č\.?)",
    r"(?:kód|číslo|kod|id|šifra)(?: (?:produktu|tovaru|zboží|výrobku|proizvoda|izdelka|artikla|položky))?", r"šifra", r"cikkszám|termékkód|cikk szám",
    r"артикул(?: (?:товара|продавца))?", r"код(?: (?:товара|товару|на продукт|продукта))?", r"номер товара", r"κωδικός(?: προϊόντος)?", r"(?:ürün|stok) (?:kodu|no|numarası)",
    r"tootekood|artikli kood|toote kood", r"preces kods|artikuls|kods", r"prekės kodas|kodas", r"رقم (?:المنتج|الموديل|الصنف)|رمز المنتج",
    r"商品(?:編號|编号|番号|コード|代碼|代码|型號)|货号|貨號|品番|管理番号|商品id", r"상품 ?(?:번호|코드)|제품 ?(?:번호|코드)",
)  # fmt: skip
MPN = _label(
    r"mpn", r"(?:manufacturer|mfr?g?|vendor)'?s?\.? ?(?:part|product|item|model|article)? ?(?:number|no\.?|nr\.?|code|#|ref\.?)",
    r"(?:item )?model(?: (?:number|no\.?|nr\.?|name/number|#))", r"part (?:number|no\.?|#)", r"hersteller(?:artikel|teile)?-?\s?(?:nummer|nr\.?|modell\w*)",
    r"modell(?:nummer|-?nr\.?)", r"(?:référence|réf\.?) (?:du )?(?:fabricant|constructeur)", r"numéro (?:de modèle|du modèle)", r"(?:codice|cod\.?) (?:produttore|fornitore)",
    r"numero modello", r"(?:referencia|código|número)(?: de(?:l)?)? (?:fabricante|modelo)", r"part number|p/n", r"kod producenta", r"(?:kód|číslo|označenie) výrobc[ua]|part no\.?",
    r"gyártói cikkszám", r"cod producător", r"артикул производителя|код производителя|модель", r"型番|メーカー型番|原廠編號|型號", r"tootja kood|ražotāja kods|gamintojo kodas|(?:šifra|kod|kataloški broj) proizvođača|kod producatora|tillverkarens (?:artikel)?(?:nummer|nr\.?)|produsentens varenummer|üretici kodu|κωδικός κατασκευαστή",
)  # fmt: skip
GTIN = _label(
    r"(?:ean|gtin|upc|isbn|jan)(?:[ -]?(?:8|10|12|13|14|code|kód|kod|number|nr\.?|code 13))*", r"bar ?code|código de barras|codice a barre|code[- ]barres?|strichcode|čiarový kód|čárový kód",
    r"штрих-?код", r"條碼|条码|國際條碼",
)  # fmt: skip
BRAND = _label(
    r"brand(?: name)?", r"manufacturer", r"marke", r"hersteller", r"marque", r"fabricant", r"marca", r"produttore", r"fabricante", r"merk", r"fabrikant",
    r"varumärke|tillverkare|merke|mærke|producent|märke|valmistaja|merkki|tuotemerkki", r"marka|producent", r"výrobca|výrobce|značka", r"márka|gyártó", r"producător|brand",
    r"proizvođač|proizvajalec|robna marka|blagovna znamka|brend", r"бренд|производитель|марка|виробник", r"μάρκα|κατασκευαστής", r"tootja|kaubamärk|bränd", r"zīmols|ražotājs|prekės ženklas|gamintojas",
    r"الماركة|العلامة التجارية", r"品牌|メーカー|ブランド|廠牌", r"브랜드|제조사",
)  # fmt: skip
CONDITION = _label(
    r"(?:item )?condition",
    r"zustand",
    r"état",
    r"condizioni?",
    r"condición|estado",
    r"condição",
    r"stan",
    r"stav",
    r"состояние",
    r"商品狀態|状态",
    r"skick|tilstand|kunto",
)

OUT_OF_STOCK = _any(
    r"\b(?:currently |temporarily )?(?:out of stock|sold[ -]out|unavailable)\b", r"\b(?:no longer|not (?:currently )?) ?available\b", r"\bnot in stock\b", r"\bdiscontinued\b", r"\b(?:this )?(?:listing|auction|sale|bidding)(?: \w+)? (?:has |was )?ended\b",
    r"\b(?:nicht|derzeit nicht|momentan nicht|leider nicht) (?:mehr )?(?:verfügbar|lieferbar|vorrätig|auf lager)\b", r"\bausverkauft\b|\bvergriffen\b",
    r"\b(?:actuellement |temporairement )?(?:indisponible|épuisé|en rupture)\b|\brupture de stock\b|\bplus disponible\b",
    r"\bnon (?:è )?(?:più )?disponibile\b|\besaurito\b|\bterminato\b", r"\b(?:no (?:está )?disponible|agotado|sin (?:stock|existencias))\b", r"\b(?:esgotado|indisponível|sem (?:stock|estoque))\b",
    r"\b(?:uitverkocht|niet (?:meer )?(?:op voorraad|leverbaar|beschikbaar))\b", r"\b(?:slutsåld|slut i lager|utsolgt|udsolgt|ikke på lager|loppu|loppunut)\b",
    r"\b(?:brak w magazynie|niedostępny|wyprzedan[ey]|produkt niedostępny)\b", r"\b(?:vypredan[éý]|vyprodáno|nie je (?:skladom|na sklade)|není skladem|nedostupn[ýé]|momentálne nedostupné)\b",
    r"\b(?:nincs (?:készleten|raktáron)|elfogyott|nem elérhető)\b", r"\b(?:stoc epuizat|indisponibil|nu este (?:în|in) stoc|lipsă stoc)\b", r"\b(?:rasprodano|nije dostupno|nema na zalihi|ni na zalogi|razprodano)\b",
    r"нет в наличии|распродано|товар закончился|нема в наявності|изчерпан|няма наличност", r"εξαντλ\w+|μη διαθέσιμο", r"\b(?:tükendi|stokta yok)\b", r"\b(?:läbi müüdud|otsas|ei ole saadaval)\b",
    r"\b(?:nav (?:pieejams|noliktavā)|izpārdots|išparduota|neturime)\b", r"نفدت|غير متوفر|نفذ", r"缺貨|缺货|售完|已售完|售罄|補貨中|無庫存|在庫切れ|在庫なし|売り切れ|品切れ|품절",
)  # fmt: skip
IN_STOCK = _any(
    r"(?<!not )(?<!no )\b(?:in stock|ready to ship|available (?:now|immediately|online|for delivery)|ships (?:today|within))\b", r"\b(?:auf lager|sofort (?:verfügbar|lieferbar)|vorrätig|lieferbar|verfügbar)\b",
    r"\ben stock\b|\bdisponible\b", r"\bdisponibil(?:e|ità immediata)\b|\bdisponibile\b", r"\bem stock\b|\bdisponível\b", r"\bop voorraad\b|\bleverbaar\b", r"\bi lager\b|\bpå lager\b|\bvarastossa\b",
    r"\bdostępny\b|\bw magazynie\b|\bna stanie\b", r"\bskladom\b|\bskladem\b|\bna sklade\b", r"\braktáron\b|\bkészleten\b", r"\b(?:în|in) stoc\b", r"\bna zalihi\b|\bdostupno\b|\bna zalogi\b",
    r"в наличии|в наявності|налично", r"διαθέσιμο|σε απόθεμα", r"\bstokta\b", r"\blaos\b|\bsaadaval\b|\bir noliktavā\b|\bpieejams\b|\byra sandėlyje\b", r"متوفر|متاح", r"現貨|现货|有貨|有货|有庫存|在庫あり|재고 있음",
)  # fmt: skip
BUY = _any(
    r"\badd(?: item)? to (?:(?:shopping )?(?:cart|bag|basket|trolley))\b", r"\b(?:buy|order)(?: it)? now\b", r"^buy$", r"\bplace (?:a )?bid\b", r"\bin den (?:warenkorb|einkaufswagen)\b|\bjetzt (?:kaufen|bestellen)\b|^kaufen$",
    r"\bajouter au panier\b|\bacheter\b|\bau panier\b", r"\baggiungi al carrello\b|\bacquista(?: ora)?\b|\bcompra(?: subito)?\b", r"\b(?:añadir|agregar) (?:al carrito|a la cesta|al carro|a la bolsa)\b|\bcomprar(?: ahora)?\b",
    r"\badicionar ao carrinho\b|\bcomprar(?: agora)?\b", r"\bin (?:winkelwagen|winkelmand)\b", r"\blägg i (?:varukorg|kundvagn)\w*|\blegg i (?:handlekurv|handlevogn)\w*|\blæg i kurv\w*|\blisää (?:ostos)?koriin\b|^köp$|^kjøp$|^køb$",
    r"\b(?:dodaj )?do koszyka\b|\bkup teraz\b", r"\b(?:pridať |vložiť |přidat |vložit )?do (?:košíka|košíku)\b|^kúpiť$|^koupit$", r"\bkosárba\b", r"\badaug[aă] (?:în|in) co[sș]\b|\bcump[aă]r[aă]\b", r"\b(?:dodaj )?u košaricu\b|\bv košarico\b|\bu korpu\b|^kupi$",
    r"в корзину|купить|до кошика|купити|добави в количката", r"προσθήκη στο καλάθι|στο καλάθι", r"\bsepete ekle\b|\bsatın al\b", r"\b(?:lisa )?(?:ostu)?korvi\b", r"\b(?:ielikt |pievienot )?groz(?:am|ā)\b|\bį krepšelį\b", r"أضف إلى|اضف الى|أضف للسلة|اشتر",
    r"加入購物車|放入購物車|加入购物车|立即購買|立即购买|直接購買|カートに入れる|カートへ|購入|장바구니|구매하기",
)  # fmt: skip
NO_PRICE_OF_ITS_OWN = _any(
    r"\b(?:save|you save|discount|off|shipping|delivery|postage|per month|/ ?mo(?:nth)?|monthly|from only|deposit|instal\w*|rate|klarna|afterpay|clearpay|minimum|free over|orders? over|spend)\b",
    r"\b(?:spar\w*|versand\w*|rabatt|monatlich|rate|mtl|ersparnis|lieferung|grundpreis)\b", r"\b(?:livraison|économisez|remise|par mois|mensualité\w*|frais)\b", r"\b(?:spedizion\w+|risparmi\w*|sconto|rat[ae])\b", r"\b(?:envío|ahorr\w+|descuento|cuotas?|mes(?:es)?)\b",
    r"\b(?:portes|frete|desconto|parcelas?|prestaç\w+)\b", r"\b(?:verzending|korting|bespaar)\b", r"\b(?:doprav\w+|zľava|sleva|ušetr\w+|bez dph|dostaw\w+|rat[ay]?|rabat|transport|szállítás)\b", r"доставк\w+|скидк\w+|в месяц|экономия", r"建議售價|原價|定價|市價|原价|分期|利率|期|運費|运费|折扣|免運|送料|정가|배송",
)  # fmt: skip

PRICE_CLASS = re.compile(
    r"price|prix|preis|prezzo|precio|preco|prijs|pris\b|cena|ceny|hind\b|cijena|amount|cost\b|money|pret\b",
    re.IGNORECASE,
)
OLD_CLASS = re.compile(
    r"old|was(?![a-z])|list-?price|strike|strok|cross|regular|before|rrp|msrp|uvp|previous|original|compare|retail|barre|ancien|tachado|antes|alt(?:er)?preis|stary|savings?|save|discount-?(?:amount|percent|value)"
    r"|instal|monthly|per-?unit|unit-?price|base-?price|grundpreis|shipping|delivery|(?<![a-z])tax|vat-?(?:excl|less)|excl|no-?vat|deposit|coupon|min-?price|max-?price",
    re.IGNORECASE,
)  # fmt: skip
ELSEWHERE = re.compile(
    r"relat(?:ed|ion)|recommend|similar|upsell|up-sell|cross-?sell|carousel|slick|swiper|owl-|also-|alsoview|recent|history|bundle|accessor|sponsor|mini-?(?:cart|basket)|(?<![a-z-])(?:header|footer)|(?<![a-z])nav(?![a-z]*ted)|review|comment|menu|sidebar|suggest|other-?prod|bought-?together|frequently|compare-?prod|product-?(?:list|grid|tile|card)|advert|banner|listing-?item|newsletter|cookie",
    re.IGNORECASE,
)  # fmt: skip
BUY_CLASS = re.compile(
    r"add-?_?to-?_?(?:cart|bag|basket)|addtocart|addcart|cart-?add|buy-?_?now|buybox|btn-?cart|btn-?buy|buy-?btn|add2cart|purchase|product-?buy",
    re.IGNORECASE,
)
SPECIFICATION_CLASS = re.compile(
    r"spec|param|attrib|charact|detail|propert|feature|technic|data-?sheet|caracter|eigensch|merkmal", re.IGNORECASE
)
BRAND_CLASS = re.compile(
    r"(?<![a-z])(?:product-?_?)?(?:brand|manufacturer|producer|marca|marke|marque|designer)(?:-?_?(?:name|link|title|info|logo))?(?![a-z])",
    re.IGNORECASE,
)
PRODUCT_PATH = re.compile(
    r"/(?:products?|produkte?|produits?|producto|produto|prodotto|prodott[oi]|prodotti|item|itm|dp|gp|p|pd|ip|offer|oferta|listing|artikel|article|tovar|goods|towar|shop|detail)[/_-]|[/_-](?:p|pd|prod|item|art)-?\d{4,}|product_?id|[?&](?:sku|pid)=",
    re.IGNORECASE,
)
PRODUCT_BODY = re.compile(
    r"(?<![a-z])(?:single-?product|product-?(?:page|detail|view|info|single)?|pdp|item-?(?:page|detail)|catalog-product-view|template-?product|page-?product)(?![a-z])",
    re.IGNORECASE,
)
