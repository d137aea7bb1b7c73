package i18n

// zhNames are what stops a name, and what clears it.
func zhNames() map[string]string {
	return map[string]string{
		"%s has no address of its types %s: the name would be empty": "{1} 没有它的类型 {2} 的地址: 域名会变空",
		"%s has no gateway name that a CNAME could point at":         "{1} 没有可供 CNAME 指向的网关域名",

		"%s is a domain of the configuration: one change of it then moves every name that points at it": "{1} 是配置中的域名: 改它一处, 指向它的域名都会迁移",

		"has %d CNAME values, and the inventory expects one":                     "有 {1} 个 CNAME 值, 清单预期一个",
		"has an %s record that the inventory does not expect (its types are %s)": "有清单未预期的 {1} 记录 (它的类型是 {2})",
		"has an HTTPS record %q that cannot be understood":                       "有无法理解的 HTTPS 记录 {1}",
		"has an HTTPS record that cannot follow":                                 "有无法跟随的 HTTPS 记录",

		"has an HTTPS record that sends browsers to %s, which does not move with it": "HTTPS 记录把浏览器引向 {1}, 后者不随它迁移",

		"has an HTTPS record with the hint %s, which is no gateway of ours":     "HTTPS 记录中的地址提示 {1} 不是我们的网关",
		"has no %s record, and the inventory expects one while it points at %s": "没有 {1} 记录, 而它指向 {2} 时清单预期有一个",

		"has no address records: a switch re-points names, it does not make them": "没有地址记录: 切换只改指向, 不新建域名",

		"holds %s %s, which is no gateway of ours":                             "其 {1} 为 {2}, 不是我们的网关",
		"is a CNAME to %s, the gateway of %s, and the inventory expects %s":    "是指向 {2} 的网关 {1} 的 CNAME, 清单预期 {3}",
		"is an alias of %s, which is in none of our zones":                     "是 {1} 的别名, 后者不在我们的任何区域",
		"is an alias of %s, which is in our zone %s and not in the inventory":  "是 {1} 的别名, 后者在我们的区域 {2} 中, 但不在清单里",
		"is an alias of %s, whose own aliases end at no name of the inventory": "是 {1} 的别名, 其别名链不终止于清单中的域名",

		"it points at a name of ours, or whoever holds %s switches that name; then it is left out": "让它指向我们的域名, 或由 {1} 的管理者切换; 之后将它列为不参与",
		"its CNAME exists at the provider, or the configuration lists other types":                 "服务商处有它的 CNAME, 或配置写明其他类型",

		"its HTTPS record names no other target, or the name is left out": "它的 HTTPS 记录不指向别处, 或该域名不参与",

		"its record exists at the provider, or the name is taken out of the configuration": "服务商处有它的记录, 或从配置中移除该域名",

		"the alias ends at a name of the inventory": "别名终止于清单中的域名",

		"the configuration lists %s in its types, or the record is removed at the provider": "配置在其类型中写明 {1}, 或在服务商处移除该记录",

		"the configuration says types: [CNAME] for it":       "配置为它写明 types: [CNAME]",
		"the gateway of %s gets a name in the configuration": "在配置中为 {1} 的网关写上域名",

		"the gateway of %s has an IPv4 address in the configuration, or another site is chosen":        "配置中 {1} 的网关有 IPv4 地址, 或另选站点",
		"the gateway of %s has an address of the type in the configuration, or another site is chosen": "配置中 {1} 的网关有该类型的地址, 或另选站点",
		"the hint is put right at the provider, or the configuration learns the address":               "在服务商处改正提示, 或在配置中写明该地址",
		"the record is put back at the provider, or the configuration leaves %s out of its types":      "在服务商处恢复记录, 或配置从其类型中去掉 {1}",
		"the record is put right at the provider, or the configuration learns the address":             "在服务商处改正记录, 或在配置中写明该地址",

		"the record is written plainly at the provider, or removed": "在服务商处把记录写得规范, 或移除",

		"the record no longer makes it mandatory, or the gateway of %s has such an address": "记录不再要求它, 或 {1} 的网关有这样的地址",

		"would lose its A record: %s has no IPv4 address":                     "会失去 A 记录: {1} 没有 IPv4 地址",
		"is an alias of %s, which belongs to station %s and is not asked for": "是 {1} 的别名, 后者属于未要求的航站 {2}",
		"is an alias of %s, which is left out":                                "是 {1} 的别名, 后者不参与",
		"names of other stations are aliases of it and would move, too":       "其他航站的域名是它的别名, 会一起迁移",
		"station %s is moved, too, or the name is left out":                   "航站 {1} 一起迁移, 或该域名不参与",
		"the name is left out as well, or its target is not":                  "该域名也不参与, 或其目标参与",
		"those stations are asked for as well, or the name is left out":       "也要求那些航站, 或该域名不参与",
		"%q is no priority":    "{1} 不是优先级",
		"%q is no target name": "{1} 不是目标域名",
		"%s is mandatory in it, and the target has no such address": "其中 {1} 是必需的, 而目标没有这样的地址",
		"%s is there twice":                             "{1} 出现两次",
		"%s is written in a form that is not read here": "{1} 的写法无法读取",
		"%s=%q is no list of addresses":                 "{1}={2} 不是地址列表",
		"a quote is not closed":                         "引号未闭合",
		"a quote stands inside a word":                  "引号出现在词中",
		"it ends in a backslash":                        "以反斜杠结尾",
		"it holds the character %q":                     "含有字符 {1}",
		"priority and target are expected first":        "开头应为优先级和目标",
		"something follows a closing quote":             "引号之后还有内容",
	}
}

// zhRunning are what a run says of its course, its problems and the next step.
func zhRunning() map[string]string {
	return map[string]string{
		"%s serves again, and the run is committed": "{1} 重新在用, 操作已确认保留",

		"%s serves, and the run is committed. When %s has recovered: `dutyops sync run`, then `dutyops failback`": "{1} 在用, 操作已确认保留。{2} 恢复后: 先 `dutyops sync run`, 再 `dutyops failback`",

		"`dutyops failback` brings data and users home to %s":     "`dutyops failback` 把数据和用户迁回 {1}",
		"`dutyops failover --to %s` moves users there again":      "`dutyops failover --to {1}` 再次把用户迁到那里",
		"a sync run has no probation: there is nothing to commit": "同步操作没有观察期: 无需确认保留",

		"run %s has not reached its end: `dutyops runs resume %s --yes` brings it there first": "操作 {1} 尚未做完: 先用 `dutyops runs resume {2} --yes` 做完",

		"run %s is %s: there is nothing to commit":                      "操作 {1} {2:run}: 没有可确认保留的",
		"run %s was committed by %s at %s already":                      "操作 {1} 已由 {2} 于 {3} 确认保留",
		"run %s was committed by %s at %s and is no longer rolled back": "操作 {1} 已由 {2} 于 {3} 确认保留, 不能再回滚",
		"%s serves again": "{1} 重新在用",

		"%s serves. When %s has recovered: `dutyops sync run`, then `dutyops failback`": "{1} 在用。{2} 恢复后: 先 `dutyops sync run`, 再 `dutyops failback`",

		"`dutyops runs commit %s --yes` keeps it":                       "`dutyops runs commit {1} --yes` 确认保留",
		"`dutyops runs commit %s --yes` keeps it and restores the TTLs": "`dutyops runs commit {1} --yes` 确认保留并恢复 TTL",

		"`dutyops runs resume %s --yes` makes them equal as soon as it answers, `dutyops runs rollback %s --yes` takes everything back": "它应答后用 `dutyops runs resume {1} --yes` 使其一致, 用 `dutyops runs rollback {2} --yes` 全部撤回",

		"`dutyops sync status` shows who follows whom":           "`dutyops sync status` 显示谁跟随谁",
		"and restores the TTLs":                                  "并恢复 TTL",
		"done, but it cannot be verified":                        "已做, 但无法验证",
		"done, but the world does not show it":                   "已做, 但现场没有体现",
		"every step is done, but the end could not be journaled": "每一步都已完成, 但结束未能记入日志",
		"it is not so": "并非如此",

		"not everything follows: when what was skipped answers again, `dutyops sync run` once more; `dutyops sync status` shows who follows whom": "并非全部跟随: 跳过的重新应答后再次 `dutyops sync run`; `dutyops sync status` 显示谁跟随谁",

		"run %s is %s: there is nothing to take up":            "操作 {1} {2:run}: 没有可继续的",
		"step %s is not begun, its intent cannot be journaled": "步骤 {1} 未开始, 其意图无法记入日志",
		"step %s: its outcome (%s) cannot be journaled":        "步骤 {1}: 其结果 ({2}) 无法记入日志",
		"step %s: this version does not know the action %q":    "步骤 {1}: 本版本不认识动作 {2}",
		"stopped by the operator before":                       "被操作人停下, 尚未做",
		"stopped by the operator while it waited":              "等待时被操作人停下",
		"stopped part-way":                                     "停在半途",
		"the commit is taken up again":                         "继续确认保留",
		"the journal cannot be written, so nothing is done":    "日志无法写入, 因此什么都不做",
		"the roll-back is taken up again":                      "继续回滚",
		"the world changed since the plan was approved":        "方案批准之后现场已变",
		"until then it can be rolled back":                     "在此之前可以回滚",
		"journal entry %d":                                     "日志第 {1} 条",
		"and the journal cannot be written":                    "且日志无法写入",

		"every name is as it was; mend the cause, then `dutyops runs resume %s --yes` or a new plan": "每个域名都是原样; 排除原因, 然后 `dutyops runs resume {1} --yes` 或新方案",

		"everything else is done, but the providers of a zone are not equal": "其余都已完成, 但同一区域的服务商不一致",
		"not one of its providers is as planned":                             "它的服务商没有一家符合方案",
		"taking back %q failed":                                              "撤回 {1} 失败",
		"what was written is taken back: exact previous values and TTLs":     "已写的都已撤回: 恢复原来的值和 TTL",

		"`dutyops runs resume %s --yes` goes on, `dutyops runs rollback %s --yes` takes back what was done": "`dutyops runs resume {1} --yes` 继续, `dutyops runs rollback {2} --yes` 撤回已做的",

		"nor could that be journaled":                                "这也未能记入日志",
		"nothing was changed":                                        "未做任何改动",
		"nothing was changed; mend the cause and start again":        "未做任何改动; 排除原因后重新开始",
		"nothing was changed; plan again and look at the difference": "未做任何改动; 重新制定方案并查看差异",

		"`dutyops runs resume %s --yes` looks at the world and goes on; `dutyops runs rollback %s --yes` takes back what was done": "`dutyops runs resume {1} --yes` 先看现场再继续; `dutyops runs rollback {2} --yes` 撤回已做的",

		"its process ended before the run did":               "操作未完成, 其进程已结束",
		"there is no run %q; `dutyops runs list` shows them": "没有操作 {1}; `dutyops runs list` 列出全部",
		"not before the run is committed":                    "确认保留之后才做",
		"would wait %s":                                      "将等待 {1}",
		"`dutyops runs rollback %s --yes` goes on undoing":   "`dutyops runs rollback {1} --yes` 继续撤销",
		"`dutyops status` shows where things stand":          "`dutyops status` 显示现状",
		"everything else is taken back":                      "其余都已撤回",
		"run %s is %s: there is nothing to take back":        "操作 {1} {2:run}: 没有可撤回的",
		"stopped by the operator before undoing":             "被操作人停下, 尚未撤销",
		"undo %s":                                            "撤销 {1}",
		"the old TTLs run out at %s":                         "旧 TTL 于 {1} 过期",

		"every authoritative server that answers gives the lowered TTL; the old ones ran out at %s": "每台有应答的权威服务器都返回降低后的 TTL; 旧的已于 {1} 过期",

		"no authoritative server tells the TTL of %s %s": "没有权威服务器告知 {1} {2} 的 TTL",
		"%s still gives %s %s a TTL of %d s":             "{1} 返回的 {2} {3} 的 TTL 仍为 {4} 秒",
	}
}
