"""The ledger 存证账本: the ordered, hash-chained record of every governance act.

Pure: `acts` are what can be asked, `signing` says by whom, `entry` chains the answers, `state` is
what they add up to, `validation` decides, `chain` proves. Topics and files are infra's.
"""
