package i18n

// chinese joins the parts of the catalogue.
func chinese() map[string]string {
	out := map[string]string{}
	for _, part := range []map[string]string{zhWords(), zhDashboard(), zhScreens(), zhDialogs(), zhCommands(), zhPlain(), zhSwitch(), zhDNS(), zhBoard(), zhFindings()} {
		for k, v := range part {
			out[k] = v
		}
	}
	return out
}

// zhWords are the words of the domain: values of the engine's types.
func zhWords() map[string]string {
	return map[string]string{
		"state|up": "正常", "state|degraded": "降级", "state|down": "故障", "state|unknown": "未知", "state|stale": "过期",
		"case|normal": "正常", "case|business-down": "业务平台故障", "case|data-down": "数据平台故障", "case|site-down": "整站故障", "case|isolated": "看不清现场",
		"role|serving": "在用", "role|standby": "备用", "role|emergency": "应急",
		"platform|business": "业务平台", "platform|data": "数据平台",
		"phase|detect": "发现", "phase|decide": "决定", "phase|fence": "隔离", "phase|switch": "切换", "phase|propagate": "生效", "phase|verify": "验证", "phase|prepare": "准备", "phase|commit": "确认保留", "phase|re-protect": "恢复保护",
		"kind|failover": "故障切换", "kind|failback": "回切", "kind|compensate": "数据补偿", "kind|sync": "同步", "kind|sync-run": "同步",
		"mode|graceful": "平滑", "mode|forced": "强制",
		"step|pending": "待执行", "step|running": "执行中", "step|done": "完成", "step|already": "原已如此", "step|skipped": "跳过", "step|failed": "失败", "step|undone": "已撤销",
		"run|running": "执行中", "run|waiting": "等待", "run|interrupted": "中断", "run|done": "完成", "run|rolled-back": "已回滚", "run|parked": "停在半途", "run|refused": "被拒绝", "run|cancelled": "已取消",
		"sync|source": "源", "sync|streaming": "同步中", "sync|stopped": "停止", "sync|broken": "中断", "sync|diverged": "分叉", "sync|unknown": "未知",
		"check|ok": "通过", "check|warn": "警告", "check|fail": "失败",
		"risk|reads only": "只读", "risk|reversible": "可撤销", "risk|disruptive, reversible": "有影响, 可撤销", "risk|moves users": "迁移用户", "risk|changes data": "改动数据",
		"level|info": "信息", "level|good": "好转", "level|warn": "注意", "level|bad": "故障",
		"action|failover": "故障切换", "action|failback": "回切", "action|sync-run": "执行同步", "action|renew-links": "更新复制链路的密码", "action|pause": "暂停一切操作", "action|unpause": "结束暂停", "action|heal": "全部恢复",
		"action-help|failover": "先看方案, 再确认, 然后执行", "action-help|failback": "把用户和数据迁回主站", "action-help|sync-run": "让各同步组件跟上数据源", "action-help|renew-links": "复制密码更换之后: 让现有链路改用现在配置的密码", "action-help|pause": "暂停期间任何控制台都不能改动", "action-help|unpause": "重新允许操作", "action-help|heal": "结束沙箱里的所有故障",
	}
}

func zhDashboard() map[string]string {
	return map[string]string{
		"%s: %d parts %s: %s":            "%s: %d 个部件%s: %s",
		"+%d more: %s shows all":         "另有 %d 行, 按 %s 看全部",
		"from the start to users served": "从开始到用户恢复",
		"PRODUCTION":                     "生产环境", "SANDBOX": "沙箱环境",
		"serving|serving": "在用", "serving %s": "在用 %s", "data at": "数据在", "case": "情形", "nobody": "无",
		"data of %s": "数据停在 %s", "%s %s in progress": "%s %s 进行中", "lease: %s": "执行权: %s", "watch": "查看", "journal": "日志",
		"%s to %s is %s: resume or roll back %s": "%s, 目标 %s, %s: 请继续或回滚 %s",
		"%s by %s until %s: %s":                  "%s, 由 %s 设置, 到 %s 为止: %s", "all actions paused": "一切操作已暂停",
		"%d skipped": "跳过 %d 步", "skipped: %s: %s": "跳过: %s: %s",
		"%s is left out, by %s: %s":                           "%s 未参与切换, 由 %s 设置: %s",
		"Warming up: asking every target for the first time.": "启动中: 正在首次询问所有对象。",
		"Warming up: %d of %d targets have answered.":         "启动中: %d / %d 个对象已应答。",
		"All well.": "一切正常。", "%s serves %s.": "%s 正在服务 %s。", "Not well: %s": "不正常: %s", "%d more": "另有 %d 项",
		"since %s (%s)": "自 %s 起 (%s)", "users at %s": "受影响: %s", "Blocked: ": "受阻: ", "press": "按", "to review the plan": "查看方案",
		"Business platform down at %s": "%s 业务平台故障", "Data platform down at %s": "%s 数据平台故障", "Site %s is down": "%s 整站故障", "We cannot see enough to judge": "看到的不足以判断",
		"users are not served": "用户无服务", "users are served by %s": "用户由 %s 服务", "longest outage %s": "最长中断 %s",
		"Nothing to do.": "无需操作。", "Fail over to %s.": "建议切换到 %s。", "Fail back to %s.": "建议回切到 %s。", "Fail back.": "建议回切。", "Wait.": "请等待。", "Investigate before anything is switched.": "先查明原因, 再做切换。",
		"gateway": "网关", "clock level": "时钟一致", "clock %s (within %s)": "时钟差 %s (误差 %s)", "weight %d": "权重 %d", "+%d more": "+%d 项", "+%d more, %d not up": "还有 %d 项, %d 项异常", "not synced": "不同步",
		"Domains and upstream": "域名与上游", "Upstream": "上游", "not known": "未知", "detached": "未接入", "mixed": "不一致", "foreign": "外来地址",
		"authoritative": "权威", "resolvers": "解析器", "resolver": "解析器", "auth": "权威", "res": "解析", "old until %s": "旧值到 %s", "at least: %s": "至少: %s", "%d silent": "%d 个无应答",
		"Advice": "建议", "No advice before every target has answered once.": "所有对象应答一次之后才给出建议。", "watch the run": "查看执行", "review the plan; nothing happens before you confirm": "查看方案; 确认之前不做任何改动", "on a row shows why": "在一行上按下可看原因",
		"clears when %s": "解除条件: %s", "Events": "事件", "Nothing has happened yet.": "尚无事件。", "Recent runs": "最近的操作", "No run yet.": "尚无操作。",
		"This screen is %d x %d.": "当前窗口 %d x %d。", "dutyops needs at least %d x %d.": "至少需要 %d x %d。", "Make the window larger, or run: dutyops --plain": "请放大窗口, 或运行: dutyops --plain",
	}
}

func zhScreens() map[string]string {
	return map[string]string{
		"platform": "平台", "%s and %s": "%s与%s", "from %s": "来源 %s", "plan the failback": "制定回切方案", "The worst of its critical parts decides.": "由其中最差的关键部分决定。",
		"Reading the evidence ...": "正在读取依据 ...", "Why is it not up?": "为什么不正常?", "Why is it up?": "为什么正常?", "No rule has tripped.": "没有规则触发。", "What was asked and answered": "问答记录",
		"Latency, last %d answers since %s": "延迟, 最近 %d 次应答, 自 %s", "highest %s": "最高 %s", "Changes": "变化", "Facts": "实况", "Sync": "同步", "lag": "滞后", "lag not known": "滞后未知",
		"Not synced by policy; a sync run and a promotion leave it alone.": "按策略不同步; 同步和提升都不会动它。",
		"Plan: %s": "方案: %s", "There is no plan.": "没有方案。", "Gate %s refuses: %s": "关卡 %s 拒绝: %s", "run %s is in progress": "操作 %s 进行中",
		"No plan can be made or started.": "无法制定或执行方案。", "plan again": "重新制定", "back": "返回", "Reading the world and planning ...": "正在观察现场并制定方案 ...", "%d more lines below, j or space": "下面还有 %d 行, 按 j 或空格",
		"stations %s": "航站 %s", "plan %s": "方案 %s", "Gates that refuse: %d. Nothing can start.": "%d 个关卡拒绝, 不能开始。", "Because": "理由", "What to expect": "预期效果", "Gates": "安全关卡", "Gates that refuse": "拒绝的关卡", "Records of %s (%s)": "%s 的记录 (%s)", "not atomic": "非原子", "read before the write": "写前读取比对", "requests of any size": "单次请求不限数量", "all or nothing": "全有或全无", "the server compares": "由服务器比对", "one set a request": "每次请求一组", "%d sets a request": "每次请求 %d 组", "%g requests a second": "每秒 %g 次请求", "TTL from %d s": "TTL 最低 %d 秒", "(removed)": "(移除)",
		"best effort": "尽力而为", "in parallel": "并行", "way back: %s": "退路: %s", "users of %s reach %s": "%s 的用户到达 %s", "resolvers may answer %s for %d s more (the old TTL)": "解析器可能在 %[2]d 秒内仍返回 %[1]s (旧 TTL)",
		"the upstream moves to %s": "上游改接到 %s", "the upstream stays where it is": "上游保持不动", "%d stores of %s take writes": "%[2]s 的 %[1]d 个存储开始接受写入", "way back: roll back undoes %d steps, last first": "退路: 回滚将倒序撤销 %d 步",
		"Run %s": "操作 %s", "This run is %s.": "该操作%s。", "Reading the run ...": "正在读取操作 ...", "(dry run: nothing is written)": "(演练: 不写入)", "%d of %d steps": "%d / %d 步", "by %s at %s": "%s 于 %s", "try %d": "第 %d 次",
		"Recovery clock": "恢复计时", "from the first bad probe to users served": "从首次探测失败到用户恢复服务", "Done": "完成", "What happened": "经过", "%d of %d record sets changed with %d API calls": "%d / %d 个记录集已改, 共 %d 次 API 调用",
		"Next: %s": "下一步: %s", "resume": "继续", "roll back": "回滚", "report": "报告", "lost: not known": "丢失: 未知", "nothing lost": "无丢失", "%d lost": "丢失 %d 条", "%s s behind at the fence": "隔离时滞后 %s 秒", "Evidence": "证据",
		"Journal": "操作日志", "There is no run yet.": "还没有操作。", "No run yet. What is done here will be listed with its steps and evidence.": "尚无操作。以后的每次操作连同步骤和证据都会列在这里。", "Reading the journal ...": "正在读取日志 ...",
		"Started": "开始", "Run": "操作", "What": "类型", "From, to": "从, 到", "State": "状态", "Total": "总时长", "Operator and reason": "操作人与原因",
		"Faults exist in the sandbox only.": "只有沙箱里才能注入故障。", "Break something": "注入故障", "No fault is active on %s.": "%s 上没有故障。", "No fault is active.": "没有故障。", "How does %s break?": "%s 怎样出故障?", "%s: %s. h heals it.": "%s: %s。按 h 恢复。", "Healed: %s": "已恢复: %s", "Everything is healed.": "全部已恢复。",
		"Targets": "对象", "Active faults": "当前故障", "for %s": "持续 %s", "None. Everything works.": "没有, 一切正常。", "What users see": "用户所见", "%d requests, %d failed": "%d 次请求, %d 次失败", "How it can break": "可以怎样出故障",
		"DNS board": "DNS 面板", "Asking every server ...": "正在询问所有服务器 ...", "serial %d": "序号 %d", "This site is not known yet.": "尚不知道该站点。",
		"Nothing matches.": "没有匹配项。", "esc clears": "esc 清除", "Could I fail over now?": "现在能切换吗?", "to mend: %s": "处理: %s", "Yes: nothing stands in the way.": "能: 没有障碍。", "Checking ...": "检查中 ...", "No: %d checks fail.": "不能: %d 项检查失败。", "Yes, with %d warnings.": "能, 但有 %d 项警告。",
		"Help": "帮助", "Keys of \"%s\". Enter runs the selected line; / searches.": "\"%s\" 的按键。enter 执行所选行; / 搜索。", "not now: %s": "暂不可用: %s", "Command palette": "命令面板", "%d found": "%d 项",
	}
}

func zhDialogs() map[string]string {
	return map[string]string{
		"Cancelled. Nothing was changed.": "已取消, 未做任何改动。", "Leave while a run is in progress?": "操作进行中, 要离开吗?",
		"Run %s (%s) goes on in the engine when this console is only attached to it,": "操作 %s (%s): 若本控制台只是连接到引擎, 它会继续执行;",
		"and is recorded as interrupted when the engine lives in this console.":       "若引擎就在本控制台里, 它会记为中断。",
		"Either way the journal keeps it: `dutyops runs resume %s`.":                  "无论哪种, 日志都会保留: `dutyops runs resume %s`。",
		"leave": "离开", "stay": "留下", "cancel": "取消", "Read it first; then press again.": "请先看清, 再按一次。", "A reason is needed; it goes into the journal.": "需要写原因, 会记入日志。", "Reason": "原因", "choose": "选择", "mark": "标记",
		"Pasting is refused here. Type the name.": "此处不能粘贴, 请手工输入名称。", "A held key does not count. Press each letter.": "按住不放不算, 请逐个按键。", "That is not the name of the target site.": "这不是目标站点的名称。", "Stopped. Nothing was changed. Enter arms it again.": "已停下, 未做任何改动。按 enter 重新倒计时。",
		"%s from %s to %s": "%s: 从 %s 到 %s", "%d record sets, %d steps, stations %s": "%d 个记录集, %d 步, 航站 %s", "This plan also changes which stores take writes.": "该方案还会改变哪些存储接受写入。",
		"Type the name of the site that will serve:": "请输入将要服务的站点名称:", "site": "站点", "Why? One line for the journal:": "原因? 写一行记入日志:", "reason": "原因", "Starting in %d s": "%d 秒后开始", "any key stops it": "按任意键停下", "Starting ...": "正在开始 ...", "next": "下一步", "cancel, nothing is changed": "取消, 不做改动", "Confirm": "确认",
		"Which site will serve?": "由哪个站点服务?", "Which stations move?": "迁移哪些航站?",
		"Stop run %s?": "停下操作 %s?", "The step in progress is finished first; no further step starts.": "先做完当前步骤, 不再开始新的步骤。", "If something was changed already, the run is parked: you then resume it or roll it back.": "若已有改动, 操作会停在半途, 之后可以继续或回滚。", "stop the run": "停下", "let it run": "让它继续", "It stops after the step in progress.": "当前步骤完成后停下。",
		"Resume run %s?": "继续操作 %s?", "Every step looks at the world first; what is done already is not done again.": "每一步都先看现场; 已经做过的不会重做。",
		"Roll back run %s?": "回滚操作 %s?", "What was done is undone, last step first: users go back to %s.": "倒序撤销已做的步骤: 用户回到 %s。",
		"The gateway of %s is down: users would reach nobody there.": "%s 的网关故障: 用户在那里谁也连不上。",
		"Report of run %s": "操作 %s 的报告", "for a ticket or a hand-over": "用于工单或交接", "for people and printing": "用于阅读和打印", "for programs": "供程序使用", "Report written: %s": "报告已写入: %s",
		"Run the sync?": "执行同步?", "Every synced component of the standby sites is made to follow its source. What policy leaves out is not touched.": "让备用站点的每个同步组件跟上数据源。策略不同步的不会动。", "run the sync": "执行同步",
		"Renew the links' passwords?": "更新复制链路的密码?", "renew": "更新",
		"Every standing link of MySQL and Redis gets the replication password that is configured now. MySQL's is stopped and started for it.": "MySQL 和 Redis 的每条现有复制链路都改用现在配置的复制密码。MySQL 的链路会为此停一下再启动。",
		"Change the password at the source first: a link that its source refuses stays down.":                                                 "请先在数据源上改好密码: 被数据源拒绝的链路会一直断开。",
		"Pause all actions?": "暂停一切操作?", "No console can change anything until the pause ends, in one hour at the latest. Watching goes on.": "暂停期间任何控制台都不能改动, 最长一小时。监视照常进行。", "pause": "暂停", "Paused.": "已暂停。",
		"End the pause?": "结束暂停?", "Actions are allowed again.": "重新允许操作。", "end the pause": "结束暂停", "The pause has ended.": "暂停已结束。",
	}
}

func zhCommands() map[string]string {
	return map[string]string{
		"Actions": "操作", "Pages": "页面", "Sites": "站点", "Here": "本页", "Components": "组件",
		"foot|fail over": "切换", "foot|fail back": "回切", "foot|journal": "日志", "foot|DNS": "DNS", "foot|events": "事件", "foot|break": "注入故障", "foot|commands": "命令", "foot|help": "帮助", "foot|quit": "退出", "foot|back": "返回", "foot|why": "原因",
		"foot|start ...": "开始 ...", "foot|mode": "方式", "foot|target": "目标", "foot|stations": "航站", "foot|plan again": "重新制定", "foot|stop ...": "停下 ...", "foot|resume ...": "继续 ...", "foot|roll back ...": "回滚 ...", "foot|report": "报告", "foot|open": "打开", "foot|heal": "恢复", "foot|heal all": "全部恢复", "foot|ask again": "再问一次", "foot|search": "搜索", "foot|check again": "再查一次",
		"In a shell: %s": "在命令行里: %s", "Nothing runs.": "没有正在执行的操作。", "Watch the run": "查看执行", "live steps, evidence and the recovery clock": "步骤, 证据和恢复计时",
		"Dashboard": "总览", "all sites at a glance": "一眼看全部站点", "every run with its steps and evidence; reports, resume, roll back": "每次操作的步骤和证据; 报告, 继续, 回滚", "what every server and resolver answers for every domain": "每台服务器和解析器对每个域名的应答", "everything that happened, newest last": "发生过的一切", "checks of everything a switch needs": "检查切换所需的一切",
		"inject and heal faults in the sandbox": "在沙箱里注入和恢复故障", "Probe everything now": "立即全部探测", "do not wait for the schedule": "不等下一轮", "find any action, site or component by a few letters": "用几个字母找到操作, 站点或组件", "every key and action; / searches": "所有按键和操作; / 搜索", "Quit": "退出", "asks first while something runs": "有操作在执行时会先询问",
		"Site %s": "站点 %s", "all rows of the site on the whole screen": "全屏显示该站点", "Probing everything now ...": "正在全部探测 ...", "Every target has answered.": "所有对象都已应答。", "%s: not now. %s": "%s: 暂不可用。%s",
		"Why is it so?": "为什么?", "evidence behind the selected row": "所选行的依据", "Next pane": "下一栏", "sites, domains, events": "站点, 域名, 事件", "Move": "移动", "arrow keys and page keys too": "也可用方向键和翻页键",
		"Ask again": "再问一次", "probe everything now": "立即全部探测", "Ask every server now": "立即询问所有服务器", "all authoritative servers and resolvers": "所有权威服务器和解析器", "Search": "搜索", "words that must all appear": "须全部出现的词", "Check again": "再查一次",
		"Start this plan": "执行该方案", "asks for the site's name and a reason, then counts down": "先问站点名称和原因, 再倒计时", "Graceful or forced": "平滑或强制", "forced goes on without the site that is left, and passes soft gates": "强制: 不等原站点配合, 并越过软关卡", "Another target site": "换目标站点", "choose which site will serve": "选择由哪个站点服务", "Only some stations": "只迁移部分航站", "move all stations or some": "迁移全部或部分航站", "Plan again": "重新制定", "read the world again and plan from it": "重新观察现场再制定",
		"Stop the run": "停下", "stops at the next step boundary; asks first": "在下一步之前停下; 会先询问", "Resume": "继续", "looks at the world first, then goes on; asks first": "先看现场再继续; 会先询问", "Roll back": "回滚", "undoes what was done, last step first; asks for a reason": "倒序撤销; 需要写原因", "Export the report": "导出报告", "writes Markdown, HTML or JSON to a file and says where": "写成 Markdown, HTML 或 JSON 文件并给出路径",
		"Open the run": "打开操作", "steps and evidence; resume and roll back are there": "步骤和证据; 可继续或回滚", "Read again": "重新读取", "read the journal again": "重新读取日志",
		"Break the selected target": "让所选对象出故障", "then choose how; healed with one key": "再选方式; 一键恢复", "Heal the selected target": "恢复所选对象", "ends the faults of the target": "结束该对象的故障", "Heal everything": "全部恢复", "ends all faults": "结束所有故障",
	}
}

// zhPlain is the line mode's own text.
func zhPlain() map[string]string {
	return map[string]string{
		"dutyops. %s.": "dutyops。%s。", "Type a number from 0 to %d.": "请输入 0 到 %d 的数字。", "Status": "状态", "Plan a failover": "制定切换方案", "Plan a failback": "制定回切方案", "What now?": "下一步?", "Not done: %s": "未执行: %s",
		"Serving: %s. Case: %s.": "在用: %s。情形: %s。", "Advice: %s": "建议: %s", "gate passed": "关卡通过", "gate refuses": "关卡拒绝", "Site %s: %s, %s, %d of %d up": "站点 %s: %s, %s, %d / %d 正常",
		"advice|none": "无需操作", "advice|wait": "等待", "advice|investigate": "先查明原因", "advice|failover -> standby": "切换 -> standby", "advice|failback -> primary": "回切 -> primary",
		"%s. Type the name of the site that will serve to go on; an empty line cancels.": "%s。输入将要服务的站点名称以继续; 空行取消。", "An empty line stops it.": "输入空行即停下。", "Run %s. Type stop to stop it at the next step boundary.": "操作 %s。输入 stop 可在下一步之前停下。", "Run %s is %s.": "操作 %s: %s。", "Recovery clock: %s": "恢复计时: %s",
		"How does it break?": "怎样出故障?", "Which target? For example primary/business": "哪个对象? 例如 primary/business", "target": "对象",
	}
}
