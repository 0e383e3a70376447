#!/usr/bin/env python3
"""Sends mails with aiosmtplib over kept connections and prints how many a second. Arguments: port, connections, mails."""
import asyncio
import sys
import time
from email.headerregistry import Address
from email.message import EmailMessage

import aiosmtplib

PORT, CONNECTIONS, MAILS = map(int, sys.argv[1:4])
TEXT = "李先生您好，\n您的账单将于4月10日到期，请于到期日前付款。\n\n账户：12345678\n金额：人民币 1,234.00\n\n如有异议，请直接回复本邮件。\n瑞安商贸有限公司\n"
HTML = '<!DOCTYPE html><html lang="zh-CN"><body>' + "\n".join(f"<p>{line}</p>" for line in TEXT.split("\n")) + "</body></html>"


def build(number):
    mail = EmailMessage()
    mail["From"] = Address("瑞安商贸有限公司", "accounts", "ruian.example")
    mail["To"] = Address("李伟", "li.wei", "example.com")
    mail["Subject"] = "账单到期提醒：请于4月10日前付款"
    mail["Message-ID"] = f"<{number}@ruian.example>"
    mail["Date"] = "Tue, 07 Apr 2026 07:30:00 +0000"
    mail["Auto-Submitted"] = "auto-generated"
    mail["List-Unsubscribe"] = "<https://pay.example/u/abc>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(TEXT)
    mail.add_alternative(HTML, subtype="html")
    return mail


async def work(numbers):
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=PORT, use_tls=False, start_tls=False)
    await client.connect()
    for number in numbers:
        await client.send_message(build(number))
    await client.quit()


async def main():
    numbers = iter(range(MAILS))
    started = time.perf_counter()
    await asyncio.gather(*(work(numbers) for _ in range(CONNECTIONS)))
    print(MAILS / (time.perf_counter() - started))


asyncio.run(main())
