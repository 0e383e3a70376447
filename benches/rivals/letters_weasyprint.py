"""Letters by WeasyPrint, warm: prints letters and pages a second of CPU. Arguments: the words (JSON), how many, the font."""
import json
import resource
import sys

from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration


def esc(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")


def page(words, number):
    head, *rows = words["table"]
    cells = lambda row, tag: "".join(f"<{tag}>{esc(c)}</{tag}>" for c in row)
    return f"""<html lang="zh"><body>
<p class="head">{'<br>'.join(map(esc, words['letterhead']))}</p><hr>
<p class="to">{'<br>'.join(map(esc, words['recipient']))}</p>
<p class="right">{esc(words['reference'])}</p><h1>{esc(words['subject'])}</h1>
{''.join(f'<p>{esc(p)}</p>' for p in words['paragraphs'])}<p>{number}</p>
<table><thead><tr>{cells(head, 'th')}</tr></thead>{''.join(f'<tr>{cells(r, "td")}</tr>' for r in rows)}</table>
{''.join(f'<p>{esc(p)}</p>' for p in words['closing'])}<p class="right">{esc(words['date'])}</p></body></html>"""


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        words = json.load(file)
    count, font = int(sys.argv[2]), sys.argv[3]
    fonts = FontConfiguration()
    style = CSS(string=f"""@font-face {{ font-family: Letter; src: url(file://{font}) }}
@page {{ size: A4; margin: 28mm 26mm 30mm 28mm; @bottom-center {{ content: counter(page) " / " counter(pages) }} }}
body {{ font: 11pt Letter }} .head {{ text-align: center; font-size: 9pt }} .to {{ height: 36mm }}
.right {{ text-align: right }} h1 {{ font-size: 16pt; text-align: center; font-weight: normal }}
table {{ width: 100%; border-collapse: collapse; font-size: 8pt }} td, th {{ border-bottom: .4pt solid #888; font-weight: normal }}""",
                font_config=fonts)
    pdf = lambda n: HTML(string=page(words, n)).write_pdf(stylesheets=[style], font_config=fonts)
    pdf(-1)
    used = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    begun, size = used(), 0
    for number in range(count):
        size = len(pdf(number))
    print(json.dumps({"letters": count / (used() - begun), "bytes": size}))


main()
