// Every word of the live page, in English and Chinese.
const words = {
  examinations: ["Examinations", "检查列表"], second: ["Second screen", "第二屏幕"], speed: ["Withdrawal speed", "退镜速度"],
  events: ["Events", "事件"], start: ["Start: sound on", "开始（开启声音）"], started: ["Sound is on", "声音已开启"],
  start_bare: ["Sound is on; this screen may go to sleep (http)", "声音已开启；http 下屏幕可能休眠"],
  caecum: ["Caecum", "盲肠"], therapy: ["Therapy", "治疗"], therapy_on: ["Therapy: on", "治疗中"], photo: ["Photo", "拍照"],
  freeze: ["Freeze", "冻结"], frozen: ["Frozen: the examination goes on", "画面已冻结，检查仍在进行"], end: ["End …", "结束…"],
  end_question: ["End the examination?", "结束本次检查？"], really: ["End: Enter", "结束：Enter"], go_on: ["Go on", "继续"],
  end_help: ["The report is written now. A pedal alone cannot end it.", "将立即生成报告。仅凭脚踏无法结束检查。"],
  sound_on: ["Sound on", "声音开"], sound_off: ["Muted", "已静音"], sound_not: ["No sound yet: press Start", "尚无声音：请按开始"],
  ai_on: ["AI on", "AI 运行中"], ai_off: ["AI off", "AI 已停止"], ai_starting: ["AI is starting", "AI 正在启动"],
  lost: ["No picture for {0} s", "无图像 {0} 秒"], none: ["No picture: check the source", "无图像：请检查信号源"], black: ["The picture is black", "图像全黑"], link: ["No connection to the server", "与服务器的连接已断开"],
  not_written: ["Not written: check the disk", "未能写入：请检查磁盘"], over: ["Ended: open the report", "已结束：打开报告"], ending: ["Writing the report …", "正在生成报告…"],
  examination: ["Examination", "检查时间"], withdrawal: ["Withdrawal", "退镜时间"], therapy_clock: ["Therapy", "治疗时间"], effective: ["Effective", "有效观察"],
  minimum: ["at least {0}", "至少 {0}"], aim: ["aim {0}", "目标 {0}"], sites: ["Sites", "部位"], colon: ["Speed over time", "速度时间线"],
  missing: ["Not yet: {0}", "尚未观察：{0}"], complete: ["All sites are seen", "所有部位均已观察"], unassessed: ["Sites are not assessed: no model", "未评估部位：无模型"],
  risk: ["High risk, look carefully", "高风险，请仔细观察"], mild: ["Look: probably low risk", "请观察：可能为低风险"],
  photo_kept: ["Photo kept", "照片已保存"], photo_lost: ["The photo could not be written", "照片未能写入"], clip_kept: ["Clip kept", "片段已保存"],
  green: ["Safe", "安全"], amber: ["Fast", "偏快"], red: ["Too fast", "过快"], grey: ["Not measurable", "无法测量"], not_assessed: ["Not assessed", "未评估"],
  pace: ["{0} pictures/s · {1} ms", "{0} 帧/秒 · {1} 毫秒"],
};

export const isChinese = () => document.documentElement.lang.startsWith("zh");
export const say = (name, ...values) => values.reduce((text, value, at) => text.replace(`{${at}}`, value), words[name][isChinese() ? 1 : 0]);
export const pick = (pair) => pair[isChinese() ? 1 : 0];
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export function label() {
  for (const one of document.querySelectorAll("[data-t]")) one.textContent = say(one.dataset.t);
}
