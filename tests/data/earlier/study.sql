PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO studies VALUES(1,'tiny');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO version_info VALUES(1,12,'5.0.0');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO study_directions VALUES(1,'MAXIMIZE',1,0);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO study_user_attributes VALUES(1,1,'data','{"path": "reviews.csv", "text": "text", "label": "label", "group": null, "classes": "as-is", "encoding": null, "validation_path": null, "test_path": null, "fractions": [0.8, 0.1, 0.1], "split_seed": 0, "max_rows": null, "max_bytes": 268435456}');
INSERT INTO study_user_attributes VALUES(2,1,'share of condemned trials that run on','0.0');
INSERT INTO study_user_attributes VALUES(3,1,'trials in a round','null');
INSERT INTO study_user_attributes VALUES(4,1,'trials that must raise the best score','null');
INSERT INTO study_user_attributes VALUES(5,1,'trials whose weights are kept','3');
INSERT INTO study_user_attributes VALUES(6,1,'default space','{"architecture": ["lstm", "gru", "cnn_lstm", "lstm_attention", "textcnn"], "token_unit": ["word", "subword"], "vocabulary_size": [4000, 8000, 16000], "max_tokens": 256, "embedding_size": {"low": 64, "high": 192, "step": 64}, "kernel_sizes": [[3], [5], [2, 3], [3, 4, 5], [2, 3, 4, 5]], "filters": {"low": 64, "high": 192, "step": 64}, "hidden_size": {"low": 64, "high": 192, "step": 64}, "bidirectional": [false, true], "pooling": ["last", "max", "mean"], "word_dropout": {"low": 0.0, "high": 0.2}, "embedding_dropout": {"low": 0.0, "high": 0.5}, "dropout": {"low": 0.0, "high": 0.6}, "optimizer": ["sgd", "adam", "adamw"], "learning_rate": {"low": 0.0003, "high": 0.01, "log": true}, "sgd_learning_rate": {"low": 0.01, "high": 1.0, "log": true}, "momentum": 0.9, "weight_decay": {"low": 1e-05, "high": 0.1, "log": true}, "schedule": ["constant", "linear", "cosine"], "warmup": 0.05, "label_smoothing": {"low": 0.0, "high": 0.2}, "class_weights": ["none", "balanced"], "epochs": {"low": 2, "high": 8}, "batch_size": [32, 64, 128], "evaluations_per_epoch": 2, "precision": "bfloat16"}');
INSERT INTO study_user_attributes VALUES(7,1,'rows','{"train": 96, "validation": 12, "sealed test": 12}');
INSERT INTO study_user_attributes VALUES(8,1,'validation rows of each class','[6, 6]');
INSERT INTO study_user_attributes VALUES(9,1,'classes','["negative", "positive"]');
INSERT INTO study_user_attributes VALUES(10,1,'space','{"architecture": "textcnn", "token_unit": "word", "vocabulary_size": 100, "embedding_size": 8, "filters": 8, "kernel_sizes": [2], "epochs": 2, "batch_size": 16, "precision": "float32"}');
INSERT INTO study_user_attributes VALUES(11,1,'seed','1');
INSERT INTO study_user_attributes VALUES(12,1,'data fingerprint','"1a6dfc05f44304acda76c30f474b684879569d61077b44f120237c559ea56950"');
INSERT INTO study_user_attributes VALUES(13,1,'baselines','{"majority": {"macro_f1": 0.3333333333333333, "predictions": {"file": "baseline-majority.npy", "sha256": "bb24b77be06340df091a191baedab2e7ec64986bd8636fea2b96c85af9ffa7f6"}}, "TF-IDF + logistic regression": {"macro_f1": 0.916083916083916, "predictions": {"file": "baseline-linear.npy", "sha256": "b21fa0fe2e32471f4e63e60c77f37be38102a7caa9e744f272c876f9cf4096cf"}}}');
INSERT INTO study_user_attributes VALUES(14,1,'best score minus that of the linear baseline, corrected for choosing','{"trial": 1, "winner": 0, "difference": 0.0, "corrected": 2.220446049250313e-16, "low": -7.11855232660115e-17, "high": 5.152747331160741e-16}');
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO study_system_attributes VALUES(1,1,'study:metric_names','["validation macro-F1"]');
INSERT INTO study_system_attributes VALUES(2,1,'dashboard:note_ver','1');
INSERT INTO study_system_attributes VALUES(3,1,'dashboard:note_str:0','"|  | macro-F1 | architecture | tokens |\n| --- | --- | --- | --- |\n| TF-IDF + logistic regression | 0.9161 |  |  |\n| trial 1 | 0.9161 | textcnn | word |\n| majority | 0.3333 |  |  |\n\nThe best network stands 0.0 points BELOW the linear baseline''s 0.9161; corrected for choosing, the difference is +0.0 (95 % interval -0.0 to +0.0). Noise cannot tell the two apart: deploy the linear model, which is cheaper, or search on. The best score chose its trial among others, so it is optimistic: on new rows expect somewhat less.\n"');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO trials VALUES(1,0,1,'PRUNED','2026-11-28 17:30:28.832391','2026-11-28 17:30:29.606710');
INSERT INTO trials VALUES(2,1,1,'COMPLETE','2026-11-28 17:30:29.614711','2026-11-28 17:30:29.664388');
INSERT INTO trials VALUES(3,2,1,'PRUNED','2026-11-28 17:30:29.669312','2026-11-28 17:30:29.703485');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO trial_user_attributes VALUES(1,1,'worker','{"host": "elsewhere", "pid": 20319, "started": 2149129, "boot": "none"}');
INSERT INTO trial_user_attributes VALUES(2,1,'config','{"architecture": "textcnn", "token_unit": "word", "vocabulary_size": 100, "max_tokens": 256, "padding": "masked", "embedding_size": 8, "kernel_sizes": [2], "filters": 8, "recurrent": "none", "hidden_size": 128, "layers": 1, "bidirectional": false, "pooling": "max", "word_dropout": 0.05, "embedding_dropout": 0.2, "dropout": 0.3, "optimizer": "adam", "learning_rate": 0.002, "momentum": 0.0, "weight_decay": 0.0, "schedule": "linear", "warmup": 0.05, "label_smoothing": 0.05, "class_weights": "balanced", "clip_norm": 1.0, "epochs": 2, "batch_size": 16, "evaluations_per_epoch": 2, "precision": "float32", "seed": 1835504127}');
INSERT INTO trial_user_attributes VALUES(3,1,'environment','{"threads": 2, "torch": "2.13.0+cpu", "numpy": "2.4.6", "machine": "x86_64", "cpu": "AVX512", "device": "cpu", "scored in": "float32"}');
INSERT INTO trial_user_attributes VALUES(4,1,'learning curve','[{"step": 1, "epoch": 0.5, "train_loss": 0.7802915573120117, "validation_loss": 0.7632255913955003, "macro_f1": 0.3333333333333333, "seconds": 0.01024797500213026}, {"step": 2, "epoch": 1.0, "train_loss": 0.7534148097038269, "validation_loss": 0.7573836923435734, "macro_f1": 0.3333333333333333, "seconds": 0.02154602500013425}]');
INSERT INTO trial_user_attributes VALUES(5,1,'epochs trained','1.0');
INSERT INTO trial_user_attributes VALUES(6,1,'seconds','0.022');
INSERT INTO trial_user_attributes VALUES(7,1,'predictions','{"file": "trial-00000.npy", "sha256": "bb24b77be06340df091a191baedab2e7ec64986bd8636fea2b96c85af9ffa7f6"}');
INSERT INTO trial_user_attributes VALUES(8,1,'collapsed','"predicts only ''negative'' for 100 % of the validation rows"');
INSERT INTO trial_user_attributes VALUES(9,1,'ended early because','"collapsed by epoch 1 of 2: predicts only ''negative'' for 100 % of the validation rows"');
INSERT INTO trial_user_attributes VALUES(10,2,'worker','{"host": "elsewhere", "pid": 20319, "started": 2149129, "boot": "none"}');
INSERT INTO trial_user_attributes VALUES(11,2,'config','{"architecture": "textcnn", "token_unit": "word", "vocabulary_size": 100, "max_tokens": 256, "padding": "masked", "embedding_size": 8, "kernel_sizes": [2], "filters": 8, "recurrent": "none", "hidden_size": 128, "layers": 1, "bidirectional": false, "pooling": "max", "word_dropout": 0.12832886677867292, "embedding_dropout": 0.3198391253409031, "dropout": 0.49013859121928893, "optimizer": "sgd", "learning_rate": 0.9686234742890003, "momentum": 0.9, "weight_decay": 0.005196601897214389, "schedule": "cosine", "warmup": 0.05, "label_smoothing": 0.13019149166488572, "class_weights": "none", "clip_norm": 1.0, "epochs": 2, "batch_size": 16, "evaluations_per_epoch": 2, "precision": "float32", "seed": 1189033389}');
INSERT INTO trial_user_attributes VALUES(12,2,'environment','{"threads": 2, "torch": "2.13.0+cpu", "numpy": "2.4.6", "machine": "x86_64", "cpu": "AVX512", "device": "cpu", "scored in": "float32"}');
INSERT INTO trial_user_attributes VALUES(13,2,'learning curve','[{"step": 1, "epoch": 0.5, "train_loss": 0.6992196440696716, "validation_loss": 0.7119931515788241, "macro_f1": 0.3333333333333333, "seconds": 0.004439891999936663}, {"step": 2, "epoch": 1.0, "train_loss": 0.7417240738868713, "validation_loss": 0.6198418927840654, "macro_f1": 0.916083916083916, "seconds": 0.010484407001058571}, {"step": 3, "epoch": 1.5, "train_loss": 0.7315619587898254, "validation_loss": 0.6419508009691536, "macro_f1": 0.3333333333333333, "seconds": 0.014245977999962633}, {"step": 4, "epoch": 2.0, "train_loss": 0.6900553703308105, "validation_loss": 0.5621785333412869, "macro_f1": 0.625, "seconds": 0.017786397998861503}]');
INSERT INTO trial_user_attributes VALUES(14,2,'epochs trained','2.0');
INSERT INTO trial_user_attributes VALUES(15,2,'seconds','0.018');
INSERT INTO trial_user_attributes VALUES(16,2,'predictions','{"file": "trial-00001.npy", "sha256": "b21fa0fe2e32471f4e63e60c77f37be38102a7caa9e744f272c876f9cf4096cf"}');
INSERT INTO trial_user_attributes VALUES(17,2,'weights','{"folder": "trial-00001", "manifest sha256": "a5de4e34f8b7ee8719526d35306d0ce79e988beb4f26d03d48c32384b97c5955"}');
INSERT INTO trial_user_attributes VALUES(18,3,'worker','{"host": "elsewhere", "pid": 20319, "started": 2149129, "boot": "none"}');
INSERT INTO trial_user_attributes VALUES(19,3,'config','{"architecture": "textcnn", "token_unit": "word", "vocabulary_size": 100, "max_tokens": 256, "padding": "masked", "embedding_size": 8, "kernel_sizes": [2], "filters": 8, "recurrent": "none", "hidden_size": 128, "layers": 1, "bidirectional": false, "pooling": "max", "word_dropout": 0.12558406441279416, "embedding_dropout": 0.32768636020912545, "dropout": 0.5436738704440184, "optimizer": "adamw", "learning_rate": 0.0003289424523191211, "momentum": 0.0, "weight_decay": 0.011580531452328995, "schedule": "cosine", "warmup": 0.05, "label_smoothing": 0.1632962671245386, "class_weights": "balanced", "clip_norm": 1.0, "epochs": 2, "batch_size": 16, "evaluations_per_epoch": 2, "precision": "float32", "seed": 1596810411}');
INSERT INTO trial_user_attributes VALUES(20,3,'environment','{"threads": 2, "torch": "2.13.0+cpu", "numpy": "2.4.6", "machine": "x86_64", "cpu": "AVX512", "device": "cpu", "scored in": "float32"}');
INSERT INTO trial_user_attributes VALUES(21,3,'learning curve','[{"step": 1, "epoch": 0.5, "train_loss": 0.6714863777160645, "validation_loss": 0.6950632260410683, "macro_f1": 0.3333333333333333, "seconds": 0.004285041002731305}, {"step": 2, "epoch": 1.0, "train_loss": 0.7246831059455872, "validation_loss": 0.6949658676718329, "macro_f1": 0.3333333333333333, "seconds": 0.010715091000747634}]');
INSERT INTO trial_user_attributes VALUES(22,3,'epochs trained','1.0');
INSERT INTO trial_user_attributes VALUES(23,3,'seconds','0.011');
INSERT INTO trial_user_attributes VALUES(24,3,'predictions','{"file": "trial-00002.npy", "sha256": "24311387c65ad7c336ab695f0a7b04d7aaa3320fd70e55f26a86c3efad916fbe"}');
INSERT INTO trial_user_attributes VALUES(25,3,'collapsed','"predicts only ''positive'' for 100 % of the validation rows; loss equals the entropy of the class frequencies: nothing was learned from the text"');
INSERT INTO trial_user_attributes VALUES(26,3,'ended early because','"collapsed by epoch 1 of 2: predicts only ''positive'' for 100 % of the validation rows; loss equals the entropy of the class frequencies: nothing was learned from the text"');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO trial_system_attributes VALUES(1,1,'first setting','0');
INSERT INTO trial_system_attributes VALUES(2,1,'fixed_params','{"hidden_size": 128, "bidirectional": false, "word_dropout": 0.05, "embedding_dropout": 0.2, "dropout": 0.3, "optimizer": "adam", "learning_rate": 0.002, "schedule": "linear", "label_smoothing": 0.05, "class_weights": "balanced"}');
INSERT INTO trial_system_attributes VALUES(3,1,'claimed by 20319 vm','{"host": "elsewhere", "pid": 20319, "started": 2149129, "boot": "none"}');
INSERT INTO trial_system_attributes VALUES(4,2,'claimed by 20319 vm','{"host": "elsewhere", "pid": 20319, "started": 2149129, "boot": "none"}');
INSERT INTO trial_system_attributes VALUES(5,3,'claimed by 20319 vm','{"host": "elsewhere", "pid": 20319, "started": 2149129, "boot": "none"}');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO trial_params VALUES(1,1,'word_dropout',0.050000000000000002775,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO trial_params VALUES(2,1,'embedding_dropout',0.2000000000000000111,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO trial_params VALUES(3,1,'dropout',0.29999999999999998889,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.6, "log": false}}');
INSERT INTO trial_params VALUES(4,1,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam", "adamw"]}}');
INSERT INTO trial_params VALUES(5,1,'learning_rate',0.0020000000000000000416,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0003, "high": 0.01, "log": true}}');
INSERT INTO trial_params VALUES(6,1,'schedule',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "linear", "cosine"]}}');
INSERT INTO trial_params VALUES(7,1,'label_smoothing',0.050000000000000002775,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO trial_params VALUES(8,1,'class_weights',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO trial_params VALUES(9,2,'word_dropout',0.12832886677867291758,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO trial_params VALUES(10,2,'embedding_dropout',0.31983912534090308543,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO trial_params VALUES(11,2,'dropout',0.49013859121928893269,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.6, "log": false}}');
INSERT INTO trial_params VALUES(12,2,'optimizer',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam", "adamw"]}}');
INSERT INTO trial_params VALUES(13,2,'sgd_learning_rate',0.96862347428900030799,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.01, "high": 1.0, "log": true}}');
INSERT INTO trial_params VALUES(14,2,'weight_decay',0.0051966018972143890666,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO trial_params VALUES(15,2,'schedule',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "linear", "cosine"]}}');
INSERT INTO trial_params VALUES(16,2,'label_smoothing',0.13019149166488572233,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO trial_params VALUES(17,2,'class_weights',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO trial_params VALUES(18,3,'word_dropout',0.12558406441279415521,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO trial_params VALUES(19,3,'embedding_dropout',0.32768636020912544903,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO trial_params VALUES(20,3,'dropout',0.54367387044401838114,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.6, "log": false}}');
INSERT INTO trial_params VALUES(21,3,'optimizer',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam", "adamw"]}}');
INSERT INTO trial_params VALUES(22,3,'learning_rate',0.00032894245231912110517,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0003, "high": 0.01, "log": true}}');
INSERT INTO trial_params VALUES(23,3,'weight_decay',0.011580531452328995251,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO trial_params VALUES(24,3,'schedule',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "linear", "cosine"]}}');
INSERT INTO trial_params VALUES(25,3,'label_smoothing',0.1632962671245385966,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO trial_params VALUES(26,3,'class_weights',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO trial_values VALUES(1,1,0,0.33333333333333331482,'FINITE');
INSERT INTO trial_values VALUES(2,2,0,0.91608391608391603888,'FINITE');
INSERT INTO trial_values VALUES(3,3,0,0.33333333333333331482,'FINITE');
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO trial_intermediate_values VALUES(1,1,1,0.33333333333333331482,'FINITE');
INSERT INTO trial_intermediate_values VALUES(2,1,2,0.33333333333333331482,'FINITE');
INSERT INTO trial_intermediate_values VALUES(3,2,1,0.33333333333333331482,'FINITE');
INSERT INTO trial_intermediate_values VALUES(4,2,2,0.91608391608391603888,'FINITE');
INSERT INTO trial_intermediate_values VALUES(5,2,3,0.91608391608391603888,'FINITE');
INSERT INTO trial_intermediate_values VALUES(6,2,4,0.91608391608391603888,'FINITE');
INSERT INTO trial_intermediate_values VALUES(7,3,1,0.33333333333333331482,'FINITE');
INSERT INTO trial_intermediate_values VALUES(8,3,2,0.33333333333333331482,'FINITE');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO trial_heartbeats VALUES(1,1,'2026-11-28 17:30:28');
INSERT INTO trial_heartbeats VALUES(2,2,'2026-11-28 17:30:29');
INSERT INTO trial_heartbeats VALUES(3,3,'2026-11-28 17:30:29');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES('v3.2.0.a');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
