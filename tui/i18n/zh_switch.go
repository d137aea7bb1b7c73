package i18n

// zhSwitch are the texts of stopped names, lowered TTLs and the commit of a run.
func zhSwitch() map[string]string {
	return map[string]string{
		"Names that stop it: %d": "阻止该方案的域名: %d", "Left out: %d": "不参与切换: %d", "Names that follow: %d": "随别名一起迁移: %d",
		"Leave a name out": "让一个域名不参与", "foot|leave out ...": "不参与 ...", "No name is stopped.": "没有被阻止的域名。",
		"one name, with a reason; it stays in the banner. A second time takes it in again": "一个域名, 写明原因; 会留在横幅中。再选一次则重新纳入",
		"Which name?": "哪个域名?", "left out: take it in again": "未参与: 重新纳入", "Leave %s out?": "让 %s 不参与?", "leave it out": "不参与",
		"It stays where it is: its users are not moved. Name and reason are part of the plan, the report and the banner.": "它留在原处, 用户不迁移。域名和原因写入方案、报告和横幅。",
		"%d names are left out and stay where they are.":                                                                  "%d 个域名不参与, 留在原处。",
		"Lower the TTLs first": "先降低 TTL", "foot|TTLs first": "先降 TTL", "This is no planned switch: nobody waits.": "这不是计划内切换, 不等待。",
		"for a planned switch: waits until the old TTLs have run out; a commit restores them": "用于计划内切换: 等旧 TTL 过期; 确认保留后恢复",
		"first a wait of %s, while users stay where they are":                                 "先等待 %s, 其间用户不动",
		"TTLs stay short until the run is committed":                                          "确认保留之前 TTL 保持较短", "not before the commit": "确认保留之后才做",
		"Commit": "确认保留", "commit": "确认保留", "foot|commit ...": "保留 ...", "Commit run %s?": "保留操作 %s 的结果?", "Committed by %s at %s.": "%s 于 %s 确认保留。",
		"keeps what the run did and restores the TTLs; from then on it is not rolled back": "保留该操作的结果并恢复 TTL; 此后不能再回滚",
		"What the run did stays. From then on the way back is a failback.":                 "该操作的结果将保留。此后要回去只能回切。",
		"%s left": "还剩 %s",
		"%s does not tell the records of %s: the other provider goes on, and a resume makes them equal": "%s 读不到 %s 的记录: 另一家服务商继续, 之后续行可使两家一致",
		"the providers differ: %s": "服务商之间不一致: %s", "make them equal: %s": "使其一致: %s",
	}
}
