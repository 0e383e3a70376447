// Sends mails with the npm package `nodemailer` over its pool and prints how many a second. Arguments: port, connections,
// mails, package, and for signatures a key file of RSA.
const fs = require('fs');
const [port, connections, mails] = process.argv.slice(2, 5).map(Number);
const nodemailer = require(process.argv[5]);
const key = process.argv[6];
const text = '李先生您好，\n您的账单将于4月10日到期，请于到期日前付款。\n\n账户：12345678\n金额：人民币 1,234.00\n\n如有异议，请直接回复本邮件。\n瑞安商贸有限公司\n';
const html = `<!DOCTYPE html><html lang="zh-CN"><body>${text.split('\n').map((l) => `<p>${l}</p>`).join('\n')}</body></html>`;
const transport = nodemailer.createTransport({
  host: '127.0.0.1', port, secure: false, ignoreTLS: true, pool: true, maxConnections: connections, maxMessages: Infinity,
  ...(key ? { dkim: { domainName: 'ruian.example', keySelector: 's1', privateKey: fs.readFileSync(key, 'utf8') } } : {}),
});
const send = (n) => transport.sendMail({
  from: '"瑞安商贸有限公司" <accounts@ruian.example>', to: '"李伟" <li.wei@example.com>', subject: '账单到期提醒：请于4月10日前付款',
  messageId: `<${n}@ruian.example>`, date: new Date('2026-04-07T07:30:00Z'), text, html,
  headers: { 'Auto-Submitted': 'auto-generated', 'List-Unsubscribe': '<https://pay.example/u/abc>', 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' },
});
(async () => {
  // The pool connects and the code warms up first.
  await Promise.all(Array.from({ length: 4 * connections }, (_, n) => send(n)));
  const started = process.hrtime.bigint();
  let next = 0;
  await Promise.all(Array.from({ length: 2 * connections }, async () => {
    while (next < mails) {
      next += 1;
      await send(next);
    }
  }));
  console.log(mails / (Number(process.hrtime.bigint() - started) / 1e9));
  transport.close();
})().catch((e) => { console.error(e); process.exit(1); });
